import { type AddressInfo, connect, createServer } from 'node:net';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startProxy, type TcpProxy } from './tcp-proxy.ts';
import { useTestDatabase } from './test-database.ts';
import { waitFor } from './wait-for.ts';

const test = await useTestDatabase({ empty: true });
let proxy: TcpProxy;
let client: Client;

const BROKEN = /ECONNRESET|EPIPE|terminated|ended|not queryable/;
const insert = (id: number) => ({ name: 'add_note', text: 'INSERT INTO note VALUES ($1)', values: [id] });
const notes = async (): Promise<number[]> =>
  (await test.query<{ id: number }>('SELECT id FROM note ORDER BY id')).map((row) => row.id);
const backends = async (): Promise<number> =>
  (await test.query(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'proxied'`))
    .length;

async function open(): Promise<Client> {
  const opened = new Client({
    connectionString: proxy.url(test.url),
    application_name: 'proxied',
    query_timeout: 1000,
  });
  opened.on('error', () => undefined);
  await opened.connect();
  return opened;
}

beforeAll(() => test.query('CREATE TABLE note (id integer)'));
beforeEach(async () => {
  proxy = await startProxy({ target: test.url });
  await test.query('TRUNCATE note');
  client = await open();
});
afterEach(async () => {
  await client.end().catch(() => undefined);
  await proxy.close();
});
afterAll(() => test.query('DROP TABLE note'));

describe('the TCP proxy', () => {
  it('forwards everything', async () => {
    await client.query(insert(1));
    await client.query(insert(2));
    expect(await notes()).toEqual([1, 2]);
    expect(proxy.open).toBe(1);
  });

  it.each([
    ['before', []],
    ['executed', []],
    ['committed', [7]],
  ] as const)('breaks the connection at the moment "%s" of a prepared statement', async (moment, expected) => {
    const cut = proxy.cutOn((call) => call.name === 'add_note', { moment });
    await expect(client.query(insert(7))).rejects.toThrow(BROKEN);
    await cut.fired;
    expect(cut.count).toBe(1);
    await waitFor(async () => (await backends()) === 0, { what: 'the backend to end' });
    expect(await notes()).toEqual(expected);
    client = await open();
    await client.query(insert(8));
    expect(await notes()).toEqual([...expected, 8]);
  });

  it.each([
    ['before', []],
    ['committed', [7]],
  ] as const)('breaks the connection at the moment "%s" of a COMMIT', async (moment, expected) => {
    const cut = proxy.cutOn((call) => call.text === 'COMMIT', { moment });
    await client.query('BEGIN');
    await client.query(insert(7));
    await expect(client.query('COMMIT')).rejects.toThrow(BROKEN);
    await cut.fired;
    await waitFor(async () => (await backends()) === 0, { what: 'the backend to end' });
    expect(await notes()).toEqual(expected);
  });

  it.each([
    ['silent_before', []],
    ['silent_committed', [7]],
  ] as const)('leaves a connection half open at the moment "%s"', async (moment, expected) => {
    const cut = proxy.cutOn((call) => call.name === 'add_note', { moment });
    await expect(client.query(insert(7))).rejects.toThrow(/timeout/);
    await cut.fired;
    expect(await notes()).toEqual(expected);
    expect(await backends()).toBe(1);
  });

  it('cuts connections, refuses new ones, pauses and resumes', async () => {
    expect(proxy.cutAll()).toBe(1);
    await expect(client.query(insert(1))).rejects.toThrow(BROKEN);
    proxy.refuse(true);
    await expect(open()).rejects.toThrow(BROKEN);
    proxy.refuse(false);
    client = await open();
    proxy.pause();
    const held = client.query({ ...insert(2), name: 'held' });
    await expect(held).rejects.toThrow(/timeout/);
    expect(await notes()).toEqual([]);
    proxy.resume();
    await waitFor(async () => (await notes()).includes(2), { what: 'the held statement' });
  });

  it('forwards encrypted traffic without reading it, once the server has accepted TLS', async () => {
    // Accepts every request for TLS, and echoes what comes after it.
    const server = createServer((socket) => {
      socket.once('data', () => {
        socket.write('S');
        socket.on('data', (data) => socket.write(data));
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', () => listening()));
    const { port } = server.address() as AddressInfo;
    proxy.pointAt(port);
    const socket = connect(proxy.port, '127.0.0.1');
    const received: Buffer[] = [];
    socket.on('data', (data: Buffer) => received.push(data));
    try {
      socket.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
      await waitFor(() => Buffer.concat(received).toString() === 'S', { what: 'the acceptance of TLS' });
      // As a message of PostgreSQL this would be incomplete.
      const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);
      socket.write(hello);
      await waitFor(() => Buffer.concat(received).subarray(1).equals(hello), { what: 'the encrypted bytes' });
      // The existing connection stays with its server.
      await client.query(insert(3));
      expect(await notes()).toEqual([3]);
    } finally {
      socket.destroy();
      server.close();
    }
  });
});
