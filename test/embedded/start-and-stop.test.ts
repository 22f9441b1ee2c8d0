import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createDatabase, dropDatabase } from '../../src/embedded/databases.ts';
import { startEmbeddedPostgres, stopEmbeddedPostgres } from '../../src/embedded/start.ts';
import { chooseOsUser } from '../../src/embedded/os-user.ts';
import { isAlive } from '../../src/embedded/process-identity.ts';
import { freePort } from '../support/free-port.ts';
import { ask, smallServer, useEmbeddedFolders } from './embedded-folders.ts';

const newFolder = useEmbeddedFolders();

/** Occupies a port until the test ends. */
async function occupy(port: number): Promise<void> {
  const server = await new Promise<Server>((listening) => {
    const listener = createServer().listen(port, '127.0.0.1', () => listening(listener));
  });
  onTestFinished(() => void server.close());
}

describe('a fresh start', () => {
  test('makes a UTF-8 database that needs the password, listens on loopback only and has durability on', async () => {
    const dataDir = await newFolder();
    const server = await startEmbeddedPostgres({ dataDir, settings: { max_connections: '25' } });

    expect(server.adopted).toBe(false);
    const [row] = await ask(
      server.url(),
      `SELECT current_setting('server_version_num')::int >= 180000 AS is_18, current_setting('server_encoding') AS encoding,
              (SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = current_database()) AS locale,
              current_setting('listen_addresses') AS addresses, current_setting('unix_socket_directories') AS sockets,
              current_setting('fsync') || current_setting('synchronous_commit') AS durability,
              current_setting('max_connections') AS max_connections, current_setting('shared_buffers') AS shared_buffers,
              current_setting('shared_preload_libraries') AS libraries, pg_backend_pid() > 0 AS answers`,
    );
    expect(row).toEqual({
      is_18: true,
      encoding: 'UTF8',
      locale: 'b C.UTF-8',
      addresses: '127.0.0.1',
      sockets: '',
      durability: 'onon',
      max_connections: '25',
      shared_buffers: '256MB',
      libraries: 'pg_stat_statements',
      answers: true,
    });

    const wrong = new URL(server.url());
    wrong.password = 'guessed';
    await expect(ask(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
  });

  test('never runs the server as root', async () => {
    const dataDir = await newFolder();
    const server = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    const ownUid = process.getuid?.();
    const expected = ownUid === 0 ? (await chooseOsUser())?.uid : ownUid;
    expect(expected).toBeGreaterThan(0);
    expect((await stat(join(dataDir, 'cluster'))).uid).toBe(expected);
    // PostgreSQL itself refuses a data directory of anybody but its own user.
    expect(await ask(server.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('refuses a folder that holds something else, and leaves it alone', async () => {
    const dataDir = await newFolder();
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'thesis.txt'), 'mine');
    const before = await stat(dataDir);

    await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      message: expect.stringMatching(/other files \(thesis\.txt\).*folder of its own/),
    });
    expect(await stat(dataDir)).toMatchObject({ uid: before.uid, mode: before.mode });
  });

  test('names a setting that PostgreSQL does not accept', async () => {
    const dataDir = await newFolder();
    await expect(startEmbeddedPostgres({ dataDir, settings: { shared_buffers: 'plenty' } })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      message: expect.stringMatching(/shared_buffers.*plenty/),
    });
  });
});

describe('a restart', () => {
  test('keeps the data, the password and the port', async () => {
    const dataDir = await newFolder();
    const first = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    await ask(first.url(), 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();

    const second = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(second.url()).toBe(first.url());
    expect(second.pid).not.toBe(first.pid);
    expect(await ask(second.url(), 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  test('takes another port if another program uses the remembered one', async () => {
    const dataDir = await newFolder();
    const first = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    await first.stop();
    await occupy(first.port);

    const second = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(second.port).not.toBe(first.port);
    expect(await ask(second.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await readFile(join(dataDir, 'port'), 'utf8')).trim()).toBe(String(second.port));
  });

  test('uses the port that is set, and fails with a clear error if it is taken', async () => {
    const dataDir = await newFolder();
    const port = await freePort();
    const server = await startEmbeddedPostgres({ dataDir, port, settings: smallServer });
    expect(server.port).toBe(port);
    await server.stop();
    await occupy(port);

    await expect(startEmbeddedPostgres({ dataDir, port, settings: smallServer })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      message: expect.stringContaining(`port ${port} is taken`),
    });
  });

  test('without the password file it reports what is missing instead of locking everybody out', async () => {
    const dataDir = await newFolder();
    const server = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    await server.stop();
    await writeFile(join(dataDir, 'password'), '');

    await expect(startEmbeddedPostgres({ dataDir, settings: smallServer })).rejects.toThrow(/password is missing/);
  });
});

describe('stop', () => {
  test('returns when the server is gone, and does nothing the second time', async () => {
    const dataDir = await newFolder();
    const server = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    await Promise.all([server.stop(), server.stop()]);

    expect(await isAlive(server.pid)).toBe(false);
    expect(existsSync(join(dataDir, 'cluster/postmaster.pid'))).toBe(false);
    await server.stop();
    await server.stop('immediate');
  });

  test('does not wait for clients that stay connected', async () => {
    const dataDir = await newFolder();
    const server = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    const client = new Client({ connectionString: server.url() });
    const lost = new Promise((ended) => client.on('error', ended));
    await client.connect();
    await server.stop('fast');
    expect(await lost).toMatchObject({ code: '57P01' });
  });

  test('is safe before any start, and leaves no folder behind', async () => {
    const dataDir = await newFolder();
    expect(await stopEmbeddedPostgres({ dataDir })).toBe(false);
    expect(existsSync(dataDir)).toBe(false);
  });

  test('needs no handle: the folder is enough', async () => {
    const dataDir = await newFolder();
    const server = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(await stopEmbeddedPostgres({ dataDir })).toBe(true);
    expect(await isAlive(server.pid)).toBe(false);
    expect(await stopEmbeddedPostgres({ dataDir })).toBe(false);
  });

  test('of an old handle leaves a newer server of the same folder alone', async () => {
    const dataDir = await newFolder();
    const old = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    await old.stop();
    const current = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    await old.stop();
    expect(await ask(current.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

test('databases are made from a template, named in the URL and dropped with whoever is connected', async () => {
  const dataDir = await newFolder();
  const server = await startEmbeddedPostgres({ dataDir, settings: smallServer });
  const template = await createDatabase(server.url(), 'Odd "name"');
  await ask(template, 'CREATE TABLE copied AS SELECT 7 AS seven');
  const copy = await createDatabase(server.url(), 'copy', { template: 'Odd "name"' });
  expect(copy).toBe(server.url('copy'));
  expect(await ask(copy, 'SELECT seven FROM copied')).toEqual([{ seven: 7 }]);

  const lingering = new Client({ connectionString: copy });
  lingering.on('error', () => {});
  await lingering.connect();
  await dropDatabase(server.url(), 'copy');
  await dropDatabase(server.url(), 'copy');
  await expect(ask(copy, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
});
