import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { PROBLEMS } from '../../../src/api/problem.ts';
import { useApi } from '../../api/api-fixture.ts';
import { type FuzzedRequest, fuzzedRequest, type Known, randomOf } from '../../api/fuzz.ts';
import { archive, archiveFolder } from '../../archive/archive-fixture.ts';
import { diamond } from '../../engine/engine-fixture.ts';

/** The long form: FUZZ_REQUESTS=100000 npx vitest run --config vitest.reliability.config.ts test/reliability/api/fuzz.test.ts */
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 1500);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const AT_ONCE = 8;
/** It goes on after the first one: a long form costs minutes. */
const MOST_FAILURES = 20;
/**
 * How often a request is sent again that an API asks to send again, on purpose: one with too much to do recovers while it is not asked.
 * A machine that stands still for seconds may cost a request its time; one that reads too much does so each time.
 */
const AGAIN: Readonly<Record<string, number>> = { OVERLOADED: 60, QUERY_TOO_BROAD: 3, DATABASE_BUSY: 3 };

const folder = await archiveFolder();
const fixture = await useApi({ apiMaxRequests: '1000', archiveUrl: `file://${folder.path}` });

interface Answered {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly retryAfter: string | null;
}

/** An event stream goes on for ever: its first part is enough. */
async function ask({ method, path, headers, body }: FuzzedRequest, key: string | undefined): Promise<Answered> {
  const response = await fetch(`${fixture.api.apiUrl}${path}`, {
    method,
    headers: { ...headers, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    ...(body === undefined ? {} : { body }),
  });
  const type = response.headers.get('content-type') ?? '';
  const retryAfter = response.headers.get('retry-after');
  if (!type.startsWith('text/event-stream'))
    return { status: response.status, type, retryAfter, text: await response.text() };
  const reader = response.body?.getReader();
  const first = await reader?.read();
  await reader?.cancel();
  return { status: response.status, type, retryAfter, text: new TextDecoder().decode(first?.value) };
}

async function askUntilTaken(request: FuzzedRequest, key: string | undefined, again: Counts): Promise<Answered> {
  for (let asked = 1; ; asked += 1) {
    const answered = await ask(request, key);
    const [, code = ''] = /"code":"(\w+)"/.exec(answered.status === 503 ? answered.text : '') ?? [];
    if (asked > (AGAIN[code] ?? 0)) return answered;
    count(again, code);
    expect(Number(answered.retryAfter)).toBeGreaterThan(0);
    await sleep(Number(answered.retryAfter) * 1000);
  }
}

type Counts = Map<string | number, number>;
const count = (counts: Counts, what: string | number): void => void counts.set(what, (counts.get(what) ?? 0) + 1);

/** Nothing of the inside, and what is no success is a problem of the catalogue. */
function expectGood(request: FuzzedRequest, { status, type, text }: Answered): void {
  const { method, path, body, headers } = request;
  const what = `${method} ${path} ${body ?? ''} ${JSON.stringify(headers)}: ${text}`;
  expect(status, what).toBeLessThan(500);
  expect(text, what).not.toMatch(/\n\s+at |SQLSTATE|relation "|node_modules/);
  if (status < 400) return;
  expect(type, what).toBe('application/problem+json; charset=utf-8');
  const problem = JSON.parse(text) as { code: string; status: number; request_id: string };
  expect(PROBLEMS, what).toHaveProperty(problem.code);
  expect(problem, what).toMatchObject({ status, request_id: expect.stringMatching(/./) as string });
}

/** Something of each kind, so that requests find what they name. */
async function fill(): Promise<Known> {
  const workflow = await fixture.workflow(diamond);
  const submit = (tags: string[]): Promise<string> => fixture.submitOne(workflow, { tags });
  const taskIds = await Promise.all(Array.from({ length: 20 }, () => submit(['fuzz'])));
  const key = await fixture.key();
  const gone = await submit(['gone']);
  await fixture.call('POST', `/v1/tasks/${gone}:cancel`, { key });
  await archive(fixture.db, folder.store, [gone]);
  const post = async (path: string, body: object, id: string): Promise<string> => {
    const { body: made, status, text } = await fixture.call('POST', path, { key, body });
    expect(status, text).toBe(201);
    return String(made[id]);
  };
  const operations = Array.from({ length: 3 }, () =>
    post('/v1/operations', { action: 'cancel', filter: { workflow: diamond.name }, reason: 'fuzz' }, 'operation_id'),
  );
  const keys = Array.from({ length: 3 }, () => post('/v1/api-keys', { name: 'fuzz', role: 'viewer' }, 'key_id'));
  const holds = Array.from({ length: 3 }, (_, n) => post('/v1/holds', { tag: `fuzz-${n}`, reason: 'fuzz' }, 'hold_id'));
  return {
    task_id: [...taskIds, gone],
    step: diamond.steps.map(({ name }) => name),
    namespace: [diamond.namespace],
    workflow: [diamond.name],
    version: [diamond.version],
    queue: ['default', 'fuzz'],
    document: ['input', 'a.inputs', 'a.result'],
    tag: ['fuzz', 'gone', 'fuzz-1'],
    topics: [
      'tasks',
      `task:${taskIds[0]}`,
      'overview,queues,workers,pauses,workflows,schedules,failures,operations,audit',
    ],
    q: ['state:error', 'tag:fuzz age:>1h', 'input.a:"1"', `workflow:${diamond.name} attempts:>=1`],
    operation_id: await Promise.all(operations),
    key_id: await Promise.all(keys),
    hold_id: await Promise.all(holds),
  };
}

it(
  `${REQUESTS} requests that no program would make: none is an error of the API, and the process goes on`,
  async () => {
    const known = await fill();
    const keys = [
      await fixture.key(),
      await fixture.key(),
      await fixture.key({ role: 'viewer', payload: false }),
      await fixture.key({ role: 'operator', namespaces: [diamond.namespace] }),
      await fixture.key({ role: 'operator', namespaces: ['elsewhere'] }),
      undefined,
    ];
    const random = randomOf(SEED);
    const statuses: Counts = new Map();
    const again: Counts = new Map();
    const failures: string[] = [];
    let left = REQUESTS;
    const send = async (): Promise<void> => {
      while (left > 0 && failures.length < MOST_FAILURES) {
        left -= 1;
        const request = fuzzedRequest(random, known);
        const answered = await askUntilTaken(request, keys[Math.floor(random() ** 2 * keys.length)], again);
        try {
          expectGood(request, answered);
        } catch (error) {
          failures.push((error as Error).message);
        }
        count(statuses, answered.status);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, send));
    console.log(Object.fromEntries([...statuses, ...again]));
    expect(failures.join('\n')).toBe('');
    expect((await fixture.call('GET', '/livez')).status).toBe(200);
    expect(statuses.get(200)).toBeGreaterThan(REQUESTS / 20);
  },
  Math.max(60_000, REQUESTS * 100),
);
