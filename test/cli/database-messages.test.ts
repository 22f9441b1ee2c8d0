import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeFailure, STATUS } from '../../src/cli/report-error.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { defineStatement } from '../../src/db/statement.ts';
import { useProcesses } from '../support/processes.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const url = test.directUrl ?? test.url;
const SECRET = 'hunter2';

const changed = (change: (to: URL) => void): string => {
  const to = new URL(url);
  change(to);
  return to.href;
};

/** The message of a command for an error of a statement on this database. */
async function failure(at: string, text = 'SELECT 1'): Promise<{ line: string; status: number }> {
  let db: ReturnType<typeof openDatabase> | undefined;
  try {
    db = openDatabase({ url: at, poolSize: 1, connectTimeoutMs: 3000, prepared: false });
    await db.run(defineStatement()({ name: 'tried', text }));
    return { line: 'nothing', status: 0 };
  } catch (error) {
    return describeFailure(error);
  } finally {
    await db?.close();
  }
}

function expectOneLine(line: string): void {
  expect(line).not.toMatch(/\n/);
  expect(line).not.toContain(SECRET);
}

describe('a command on a database that it cannot have', () => {
  it.each([
    [
      'a wrong password',
      changed((to) => (to.password = SECRET)),
      /refuses the login: password authentication failed.*check user and password/,
    ],
    ['a role that is not there', changed((to) => (to.username = 'nobody_here')), /refuses the login/],
    [
      'a database that is not there',
      changed((to) => (to.pathname = '/nothing')),
      /database "nothing" does not exist: create it/,
    ],
    ['nothing that listens', changed((to) => (to.port = '1')), /^the database cannot be reached: .*ECONNREFUSED/],
    [
      'a socket that is not there',
      'postgres://%2Fno%2Fsuch%2Ffolder/db',
      /^the database cannot be reached: connect ENOENT/,
    ],
    [
      'TLS if the server has none',
      changed((to) => to.searchParams.set('sslmode', 'verify-full')),
      /has no TLS, and DATABASE_URL asks for it/,
    ],
  ])('(%s) is reported in one line, status 5', async (_, at, message) => {
    const { line, status } = await failure(at);
    expect(line).toMatch(message);
    expectOneLine(line);
    expect(status).toBe(STATUS.unavailable);
  });

  it('(a read-only server) suggests to check replicas and failovers', async () => {
    const { line, status } = await failure(
      `${url}?options=-c%20default_transaction_read_only%3Don`,
      'CREATE TABLE t ()',
    );
    expect(line).toMatch(/^the database is read-only: is DATABASE_URL a replica, .*cannot execute CREATE TABLE/);
    expect(status).toBe(STATUS.unavailable);
  });

  it.each([
    ['a name that is prepared already', 'PREPARE twice AS SELECT 1; PREPARE twice AS SELECT 1'],
    ['a name that is not', 'EXECUTE never_prepared'],
  ])('(%s) suspects a pooler', async (_, text) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const error: unknown = await client.query(text).catch((reason: unknown) => reason);
    await client.end();
    const { line, status } = describeFailure(error);
    expect(line).toMatch(/^this looks like a transaction pooler: set TASKER_POOLED=true/);
    expect(status).toBe(STATUS.unavailable);
  });

  it('(no entry in pg_hba.conf) shows how to mend it', () => {
    const refused = (message: string) => Object.assign(new Error(message), { code: '28000', severity: 'FATAL' });
    expect(
      describeFailure(refused('no pg_hba.conf entry for host "10.0.0.7", user "u", database "d", no encryption')),
    ).toEqual({
      line: expect.stringMatching(/it requires TLS: add sslmode=verify-full/) as string,
      status: STATUS.unavailable,
    });
  });

  // Not on a real server: the driver leaves such a connection open until the server's authentication_timeout.
  it('(a server that requires a password, and none given) shows where it belongs', () => {
    const error = new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string');
    expect(describeFailure(error)).toEqual({
      line: expect.stringMatching(/^the server requires a password and DATABASE_URL has none/) as string,
      status: STATUS.unavailable,
    });
  });

  it('(several addresses, none of which listens) names each once', () => {
    const refused = (address: string) =>
      Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: 'ECONNREFUSED' });
    const error = Object.assign(new AggregateError([refused('::1:5432'), refused('127.0.0.1:5432')]), {
      code: 'ECONNREFUSED',
    });
    expect(describeFailure(error).line).toBe(
      'the database cannot be reached: connect ECONNREFUSED ::1:5432; connect ECONNREFUSED 127.0.0.1:5432',
    );
  });

  it('(an error of a statement) is one line with its SQLSTATE, status 1', async () => {
    const { line, status } = await failure(url, 'SELECT 1 / 0');
    expect(line).toBe('the database refused a statement: division by zero (SQLSTATE 22012)');
    expect(status).toBe(STATUS.failed);
  });

  it('(a folder in which nothing can be made) is one line with its path, status 1', () => {
    let thrown: unknown;
    try {
      mkdirSync('/proc/version/x');
    } catch (error) {
      thrown = error;
    }
    expect(describeFailure(thrown)).toEqual({
      line: '/proc/version/x: a part of the path is a file and no folder (mkdir: ENOTDIR)',
      status: STATUS.failed,
    });
  });

  it('(anything else) keeps its stack: that is ours to mend', () => {
    expect(describeFailure(new RangeError('odd')).line).toMatch(/RangeError: odd\n\s+at /);
  });
});

describe('a certificate of a CA that is not known here', () => {
  let server: Server;
  const sockets: Socket[] = [];
  let port = 0;
  let certificate = '';
  beforeAll(async () => {
    const folder = await scratchFolder();
    certificate = join(folder, 'cert.pem');
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost'];
    execFileSync('openssl', [...request, '-keyout', join(folder, 'key.pem'), '-out', certificate], { stdio: 'ignore' });
    const tls = { isServer: true, cert: readFileSync(certificate), key: readFileSync(join(folder, 'key.pem')) };
    // As much of PostgreSQL as comes before the handshake.
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write('S');
        new TLSSocket(socket, tls).on('error', () => undefined);
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    port = (server.address() as { port: number }).port;
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('is reported with the parameter that names one', async () => {
    const { line, status } = await failure(`postgres://u:${SECRET}@localhost:${port}/db?sslmode=verify-full`);
    expect(line).toMatch(/^the certificate of the server is from a CA that is not known here \(.*\): add sslrootcert=/);
    expectOneLine(line);
    expect(status).toBe(STATUS.unavailable);
  });
});

describe('tasker', () => {
  const tasker = async (
    args: string[],
    env: Record<string, string>,
  ): Promise<{ code: number | null; output: string }> => {
    const started = processes.start('src/cli/main.ts', { args, env: { TASKER_METRICS_PORT: '0', ...env } });
    const { code } = await started.exited;
    return { code, output: started.lines.join('\n') };
  };
  const workflows = ['--workflows', 'test/cli/cli-workflows.ts'];

  it.concurrent.each([
    [
      'a password with a "/"',
      ['queues'],
      `postgres://u:${SECRET}/x@h/db`,
      2,
      /DATABASE_URL: its value cannot be read as a URL.*%2F/,
    ],
    [
      'several hosts',
      ['worker', ...workflows],
      `postgres://u:${SECRET}@a,b/db`,
      2,
      /DATABASE_URL: its value names several hosts/,
    ],
    [
      'TLS by sslmode=require if the server has none',
      ['queues'],
      changed((to) => to.searchParams.set('sslmode', 'require')),
      5,
      /^tasker: the server has no TLS[^\n]*$/,
    ],
    ['a wrong password', ['worker', ...workflows], changed((to) => (to.password = SECRET)), 5, /refuses the login/],
    [
      'a schedule on a server that only reads',
      ['schedule', 'add', 'k', '0 0 * * *', 'greet', ...workflows, '-i', '{"name":"x"}'],
      `${url}?options=-c%20default_transaction_read_only%3Don`,
      5,
      /^tasker: the database is read-only/,
    ],
    [
      'an input that is no JSON',
      ['schedule', 'add', 'k', '0 0 * * *', 'greet', ...workflows, '-i', '{bad'],
      url,
      2,
      /^tasker: --input is not JSON/,
    ],
    [
      'an input that is not there',
      ['submit', 'greet', ...workflows, '-i', '@/no/file'],
      url,
      2,
      /^tasker: --input @\/no\/file cannot be read: ENOENT/,
    ],
  ] as const)('%s: one line and its status', async (_, args, at, code, message) => {
    const ended = await tasker([...args], { DATABASE_URL: at });
    expect(ended.output).toMatch(message);
    expect(ended.output).not.toContain(SECRET);
    expect(ended.output).not.toMatch(/^\s+at /m);
    expect(ended.code).toBe(code);
  });
});
