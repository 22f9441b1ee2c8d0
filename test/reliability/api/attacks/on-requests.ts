import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../../../src/api/routes/index.ts';
import { call as callAt } from '../../../api/api-fixture.ts';
import { raw } from './raw.ts';
import { waitFor } from '../../../support/wait-for.ts';
import type { Attacked } from './attacked.ts';

/** What a person who may ask could send instead of what the document says. */
export function onRequests({ fixture, open }: Attacked): void {
  const { call } = fixture;
  const ask = (head: string) => raw(fixture.api.apiUrl, `${head}\r\nConnection: close\r\n\r\n`);

  /** Until the API takes requests: it sheds load while its event loop is late, which on a busy machine it is. */
  const calm = async (): Promise<void> => {
    const key = await fixture.key();
    await waitFor(async () => (await call('GET', '/v1/me', { key })).status === 200, {
      what: 'an API that is not overloaded',
    });
  };

  describe('a path that looks public opens no route (CVE-2026-53576, CVE-2026-3514)', () => {
    const ways: readonly ((path: string) => string)[] = [
      (path) => `${path}/livez`,
      (path) => `${path}%2flivez`,
      (path) => `${path};/livez`,
      (path) => `${path}?x=/livez`,
      (path) => `${path}#/livez`,
      (path) => `/livez/..${path}`,
      (path) => `/livez%2f..${path}`,
      (path) => `/ui/..${path}`,
      (path) => `/ui/%2e%2e${path}`,
      (path) => `/openapi.json/..${path}`,
      (path) => `/${path}`,
      (path) => path.toUpperCase(),
      (path) => `${path}/`,
      (path) => `${path}%00`,
      (path) => `http://localhost${path}`,
      (path) => path.replace('/v1/', '/v1//'),
      (path) => path.replace('/v1/', '/%76%31/'),
    ];
    it('of any route', async () => {
      const paths = ROUTES.filter(({ permission, method }) => permission !== 'public' && method === 'GET').map(
        ({ path }) => path.replaceAll(/\{\w+\}/g, 'livez'),
      );
      const asked = paths.flatMap((path) => ways.map((way) => way(path)));
      expect(asked.length).toBeGreaterThan(500);
      for (let at = 0; at < asked.length; at += 50) {
        const some = await Promise.all(
          asked.slice(at, at + 50).map(async (path) => {
            const { text } = await ask(`GET ${path} HTTP/1.1\r\nHost: localhost`);
            return [path, text] as const;
          }),
        );
        for (const [path, text] of some) {
          // The page of the dashboard, the same for everybody, is all that there is below /ui/.
          const isPage = path.startsWith('/ui/') && text.includes('<!doctype html>');
          expect(isPage || /^HTTP\/1\.1 (400|401|404|405) /.test(text), `${path} ${text}`).toBe(true);
          expect(text, path).not.toContain('"items"');
        }
      }
    }, 60_000);
  });

  it('a name of a header or of a parameter changes neither the method nor who asks', async () => {
    const key = await fixture.key({ role: 'viewer' });
    for (const name of [
      'x-http-method-override',
      'x-http-method',
      'x-method-override',
      'x-original-url',
      'x-rewrite-url',
    ]) {
      const reply = await call('GET', '/v1/holds?_method=DELETE', { key, headers: { [name]: '/v1/api-keys' } });
      expect(reply.status, name).toBe(400);
    }
    for (const name of ['tasker-user', 'tasker-role', 'x-forwarded-user', 'x-remote-user', 'x-tasker-role']) {
      expect((await call('GET', '/v1/audit', { key, headers: { [name]: 'admin' } })).status, name).toBe(403);
    }
  });

  it('two requests in one are none: no proxy in front sees another end of a body (request smuggling)', async () => {
    const inner = 'GET /v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n';
    for (const headers of [
      `Content-Length: ${inner.length}\r\nTransfer-Encoding: chunked`,
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding: xchunked',
      'Content-Length: 4\r\nContent-Length: 5',
      'Content-Length: +4',
      'Content-Length : 4',
    ]) {
      const { text } = await raw(
        fixture.api.apiUrl,
        `POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}\r\n\r\n0\r\n\r\n${inner}`,
      );
      expect(text.match(/HTTP\/1\.1 /g), headers).toHaveLength(1);
      expect(text, headers).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
  });

  it('no text of a request becomes a header of the response (response splitting), nor an address of a redirect', async () => {
    const key = await fixture.key();
    const evil = 'x%0d%0aset-cookie:%20a=b';
    for (const path of [`/${evil}`, `/ui/${evil}`, `/v1/tasks/1/payloads/${evil}.result`, `/v1/queues/${evil}`]) {
      expect((await call('GET', path, { key })).headers.get('set-cookie'), path).toBeNull();
    }
    const api = await open({ apiTrustedProxies: '127.0.0.1,::1' });
    const prefixes = [
      '//evil.example',
      '/a//evil.example',
      String.raw`/\evil.example`,
      'https://evil.example',
      '/a b',
      '/../x',
      '/"><x',
    ];
    for (const prefix of prefixes) {
      const reply = await fetch(`${api.apiUrl}/ui`, { headers: { 'x-forwarded-prefix': prefix }, redirect: 'manual' });
      expect(reply.headers.get('location'), prefix).toBe('/ui/');
    }
    const good = await fetch(`${api.apiUrl}/ui`, { headers: { 'x-forwarded-prefix': '/ops' }, redirect: 'manual' });
    expect(good.headers.get('location')).toBe('/ops/ui/');
  });

  it('a small body that becomes a large one is refused before it is read (zip bomb)', async () => {
    const key = await fixture.key();
    // On another thread: an API whose event loop stands still refuses everything.
    const bomb = await promisify(gzip)(Buffer.alloc(30 * 2 ** 20, 32), { level: 9 });
    await calm();
    const before = process.memoryUsage().rss;
    for (const encoding of ['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip']) {
      const reply = await fetch(`${fixture.api.apiUrl}/v1/tasks`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'content-encoding': encoding,
        },
        body: bomb,
      });
      expect(reply.status, encoding).toBe(415);
      await reply.text();
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(60 * 2 ** 20);
  });

  it('long addresses, many headers and many parameters are refused or read at once', async () => {
    const key = await fixture.key();
    await calm();
    const began = performance.now();
    const auth = `Host: localhost\r\nAuthorization: Bearer ${key}`;
    const heads = [
      `GET /v1/tasks?q=${'a'.repeat(100_000)} HTTP/1.1\r\n${auth}`,
      `GET /v1/tasks HTTP/1.1\r\n${auth}\r\nX-Long: ${'a'.repeat(100_000)}`,
      `GET /v1/tasks HTTP/1.1\r\n${auth}\r\n${Array.from({ length: 3000 }, (_, n) => `X-${n}: 1`).join('\r\n')}`,
      `GET /v1/tasks?${'a=1&'.repeat(3000)} HTTP/1.1\r\n${auth}`,
      `GET /v1/${'a/'.repeat(6000)} HTTP/1.1\r\n${auth}`,
    ];
    for (const head of heads) expect((await ask(head)).text).toMatch(/^HTTP\/1\.1 (400|404|414|431) /);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('no path leads out of the folder of the dashboard (path traversal)', async () => {
    for (const path of [
      '/ui/../../../../etc/passwd',
      '/ui/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
      '/ui/..%2f..%2f..%2fetc%2fpasswd',
      '/ui/..%5c..%5cpackage.json',
      '/ui/%252e%252e%252fpackage.json',
      '/ui/assets/../../../package.json',
      '/ui/assets/..%2findex.html',
      '/ui//etc/passwd',
      '/ui/%00/etc/passwd',
      '/ui/file:///etc/passwd',
    ]) {
      const { text } = await ask(`GET ${path} HTTP/1.1\r\nHost: localhost`);
      expect(text, path).not.toMatch(/root:.*:0:0:|"devDependencies"/);
      expect(text, path).toMatch(/^HTTP\/1\.1 (400|404|200) /);
    }
  });

  it('every response forbids frames, guesses of types and other sites, those of errors too (clickjacking, CORS)', async () => {
    const key = await fixture.key();
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const asked: [string, string, string?][] = [
      ['GET', '/v1/me', key],
      ['GET', '/v1/me'],
      ['GET', '/v1/tasks/nothing', key],
      ['GET', '/v1/tasks%zz', key],
      ['GET', '/nothing'],
      ['OPTIONS', '/v1/tasks'],
      ['TRACE', '/v1/tasks'],
      ['POST', '/v1/tasks', key],
      ['GET', '/openapi.json'],
      ['GET', '/livez'],
      ['GET', '/ui/'],
      ['GET', '/ui/assets/nothing.js'],
    ];
    for (const [method, path, used] of asked) {
      if (method === 'TRACE') {
        expect((await ask(`TRACE ${path} HTTP/1.1\r\nHost: localhost\r\nX-Secret: canary`)).text).not.toContain(
          'canary',
        );
        continue;
      }
      const reply = await call(method, path, { key: used, headers });
      const what = `${method} ${path} ${reply.status}`;
      expect(reply.headers.get('x-frame-options'), what).toBe('DENY');
      expect(reply.headers.get('content-security-policy'), what).toContain("frame-ancestors 'none'");
      expect(reply.headers.get('x-content-type-options'), what).toBe('nosniff');
      expect(reply.headers.get('referrer-policy'), what).toBe('no-referrer');
      expect(
        [...reply.headers.keys()].filter((name) => name.startsWith('access-control-') || name === 'server'),
        what,
      ).toEqual([]);
    }
  });

  it('a member or a parameter that a route does not have is refused, whoever asks (mass assignment, CVE-2026-31892)', async () => {
    const key = await fixture.key();
    for (const route of ROUTES.filter(({ body, consumes }) => body !== undefined && consumes === undefined)) {
      const path = route.path.replaceAll(/\{\w+\}/g, '1');
      for (const member of ['by', 'principal', 'namespaces', 'role', 'permissions']) {
        const known = route.example.body as object | undefined;
        if (known !== undefined && member in known) continue;
        const { status, text } = await callAt(fixture.api.apiUrl, route.method, path, {
          key,
          body: { ...known, [member]: 'x' },
        });
        // A key for the API has a role and namespaces of its own: as a list of what exists.
        expect([400, 404, 422], `${route.operation} ${member} ${text}`).toContain(status);
      }
    }
  });
}
