import { describe, expect, it } from 'vitest';
import { ApiError, createApiClient } from '../../src/entry/http.ts';

type Sent = Request & { readonly key: string | null };

/** A fetch that returns these in turn, or throws an error. */
function replies(...given: (Response | Error)[]): { fetch: typeof fetch; sent: Sent[] } {
  const sent: Sent[] = [];
  return {
    sent,
    fetch: async (input, init) => {
      const request = new Request(input as string, init);
      sent.push(Object.assign(request, { key: request.headers.get('idempotency-key') }));
      const next = given.shift() ?? Response.json({ items: [] });
      if (next instanceof Error) throw next;
      return next;
    },
  };
}

const problem = (status: number, code: string, retryAfter = '0'): Response =>
  Response.json({ status, code, detail: code }, { status, headers: { 'retry-after': retryAfter } });
const broken = (): Error => new TypeError('fetch failed', { cause: new Error('ECONNRESET') });
const url = 'https://tasker.internal/prefix/';

describe('a request is sent again', () => {
  it('after what passes by itself, with the same Idempotency-Key', async () => {
    const { fetch, sent } = replies(
      broken(),
      problem(503, 'DATABASE_UNAVAILABLE'),
      Response.json({ outcome: 'created' }),
    );
    const api = createApiClient({ url, key: 'tsk_x', fetch });
    expect(await api.post('/v1/tasks', { body: { workflow: 'a', input: 1 } })).toEqual({ outcome: 'created' });
    expect(sent.map(({ url: at }) => at)).toEqual(Array.from({ length: 3 }, () => `${url}v1/tasks`));
    expect(new Set(sent.map(({ key }) => key)).size).toBe(1);
    expect(sent[0]?.key).toMatch(/^[0-9a-f]{32}$/);
    expect(sent[0]?.headers.get('authorization')).toBe('Bearer tsk_x');
  });

  it('not if it may have been done and has no key: without one, and for what takes none', async () => {
    const one = replies(broken());
    const without = createApiClient({ url, fetch: one.fetch });
    const body = { workflow: 'a', input: 1 };
    await expect(without.post('/v1/tasks', { body, idempotencyKey: false })).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
    const two = replies(problem(503, 'OVERLOADED'), broken());
    const keys = createApiClient({ url, fetch: two.fetch });
    const made = keys.post('/v1/api-keys', { body: { name: 'x', role: 'viewer' } });
    await expect(made).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect([one.sent.length, two.sent.length, two.sent[0]?.key]).toEqual([1, 2, null]);
  });

  it('not if it would have the same end', async () => {
    for (const [status, code] of [
      [409, 'REFUSED'],
      [503, 'QUERY_TOO_BROAD'],
      [422, 'INPUT_INVALID'],
    ] as const) {
      const { fetch, sent } = replies(problem(status, code));
      await expect(createApiClient({ url, fetch }).get('/v1/tasks')).rejects.toMatchObject({ code, status });
      expect(sent).toHaveLength(1);
    }
  });

  it('not for longer than it was asked, nor after more than half a minute', async () => {
    const many = replies(...Array.from({ length: 5 }, () => problem(503, 'OVERLOADED')));
    await expect(createApiClient({ url, fetch: many.fetch, retries: 2 }).get('/v1/me')).rejects.toBeInstanceOf(
      ApiError,
    );
    expect(many.sent).toHaveLength(3);
    const late = replies(problem(429, 'TOO_MANY_REQUESTS', '3600'));
    await expect(createApiClient({ url, fetch: late.fetch }).get('/v1/me')).rejects.toMatchObject({ status: 429 });
    expect(late.sent).toHaveLength(1);
  });

  it('until its signal ends it', async () => {
    const gone = new AbortController();
    const { fetch } = replies(problem(503, 'OVERLOADED', '20'));
    const asked = createApiClient({ url, fetch }).get('/v1/me', { signal: gone.signal });
    setTimeout(() => gone.abort(new Error('left')), 20);
    await expect(asked).rejects.toThrow('left');
  });
});

it('a page of a proxy is no response of the API', async () => {
  const { fetch } = replies(new Response('<h1>Sign in</h1>', { status: 403 }));
  await expect(createApiClient({ url, fetch }).get('/v1/me')).rejects.toMatchObject({
    code: 'NOT_THE_API',
    status: 403,
  });
});

it('a response that never comes ends with its time', async () => {
  const api = createApiClient({
    url,
    retries: 0,
    fetch: (_input, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error));
      }),
  });
  await expect(api.get('/v1/me', { timeoutMs: 10 })).rejects.toMatchObject({ code: 'TIMEOUT', status: 0 });
});
