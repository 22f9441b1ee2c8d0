import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { openApi } from '../support/open-api.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function connection(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

describe('an API that is stopped', () => {
  it('does not wait for connections on which nothing was asked, or no more', async () => {
    const api = await openApi(test.url, { apiAuth: 'none', drainGraceSeconds: 20 });
    const unused = await connection(api.apiUrl);
    const half = await connection(api.apiUrl);
    half.write('GET /v1/tasks HTTP/1.1\r\nhost: loc');
    const used = await connection(api.apiUrl);
    used.write('GET /v1/tasks HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await once(used, 'data');
    const ended = [unused, half, used].map((socket) => once(socket, 'close'));
    expect(await api.stop()).toEqual({ unfinished: [] });
    await Promise.all(ended);
  });

  it('waits for a request that is under way', async () => {
    const api = await openApi(test.url, { apiAuth: 'none', drainGraceSeconds: 20 });
    const holder = await test.pool.connect();
    await holder.query('BEGIN; LOCK TABLE tasker.tasker_tasks IN ACCESS EXCLUSIVE MODE');
    const asked = fetch(`${api.apiUrl}/v1/tasks`);
    const waiting = `SELECT count(*)::integer AS n FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    await expect
      .poll(async () => (await test.query<{ n: number }>(waiting))[0]?.n, { timeout: 10_000 })
      .toBeGreaterThan(0);
    const stopped = api.stop();
    // Longer than connections without a request are left alone.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await holder.query('ROLLBACK');
    holder.release();
    expect((await asked).status).toBe(200);
    expect(await stopped).toEqual({ unfinished: [] });
  });
});
