import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HttpServer, json } from '../../src/process/http-server.ts';

const server = new HttpServer({
  '/fine': async () => json(200, { fine: true }),
  '/broken': () => Promise.reject(new Error('out of order')),
});
let url: string;
beforeAll(async () => {
  url = await server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => server.close());

test('GET and HEAD of a path, whatever is asked of it', async () => {
  const got = await fetch(`${url}/fine?verbose=1`);
  expect(got.status).toBe(200);
  expect(got.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(await got.json()).toEqual({ fine: true });
  const head = await fetch(`${url}/fine`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '13', '']);
});

test('other paths, other methods, and a route that throws', async () => {
  expect((await fetch(`${url}/other`)).status).toBe(404);
  expect((await fetch(`${url}/__proto__`)).status).toBe(404);
  const post = await fetch(`${url}/fine`, { method: 'POST', body: 'x' });
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  const broken = await fetch(`${url}/broken`);
  expect([broken.status, await broken.json()]).toEqual([500, { status: 'failing', reasons: ['out of order'] }]);
});

test('its URL can be reached from this machine, also if it listens on all addresses', async () => {
  const everywhere = new HttpServer({ '/fine': async () => json(200, {}) });
  const reachable = await everywhere.listen({ host: '0.0.0.0', port: 0 });
  expect(new URL(reachable).hostname).toBe('127.0.0.1');
  expect((await fetch(`${reachable}/fine`)).status).toBe(200);
  await everywhere.close();
});

test('closing it ends connections that are open, and is possible twice', async () => {
  const other = new HttpServer({});
  const port = Number(new URL(await other.listen({ host: '127.0.0.1', port: 0 })).port);
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const ended = new Promise((resolve) => socket.on('close', () => resolve('ended')));
  await new Promise((resolve) => socket.on('connect', resolve));
  await Promise.all([other.close(), other.close()]);
  expect(await ended).toBe('ended');
});
