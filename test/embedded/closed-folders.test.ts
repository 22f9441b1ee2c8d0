import { spawn } from 'node:child_process';
import { chmod, chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { reachableCopy } from '../../src/embedded/binary-copy.ts';
import { startEmbeddedPostgres, stopEmbeddedPostgres } from '../../src/embedded/start.ts';
import { chooseOsUser, firstClosedFolder, type OsUser, runAs } from '../../src/embedded/os-user.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { ask, smallServer } from './embedded-folders.ts';

const asRootOnLinux = process.platform === 'linux' && process.getuid?.() === 0;

/** A folder as /root is in most containers. */
async function closedFolder(): Promise<string> {
  const folder = join(await scratchFolder(), 'closed to others, für alle');
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

function stoppedAtTheEnd(dataDir: string): string {
  onTestFinished(async () => void (await stopEmbeddedPostgres({ dataDir, mode: 'immediate' })));
  return dataDir;
}

describe.runIf(asRootOnLinux)('for root, below a folder that nobody else may enter', () => {
  test('the server starts, is adopted, stops, and continues where it was; its data stays closed', async () => {
    const dataDir = stoppedAtTheEnd(join(await closedFolder(), 'postgres'));
    const first = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    await ask(first.url(), 'CREATE TABLE kept AS SELECT 42 AS answer');
    const adopted = await startEmbeddedPostgres({ dataDir });
    expect(adopted).toMatchObject({ adopted: true, pid: first.pid });
    await first.stop();

    const second = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(second).toMatchObject({ adopted: false, port: first.port });
    expect(await ask(second.url(), 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, 'cluster'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, '..'))).mode & 0o777).toBe(0o700);
  });

  test('a path longer than PostgreSQL can store is no hindrance', async () => {
    const dataDir = stoppedAtTheEnd(join(await closedFolder(), ...Array.from({ length: 6 }, () => 'long'.repeat(50))));
    expect(Buffer.byteLength(dataDir)).toBeGreaterThan(1200);
    const server = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(await ask(server.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('programs are copied to where the other user can run them, once, and again when a file of the copy is gone', async () => {
    const user = (await chooseOsUser()) as OsUser;
    const installation = join(await closedFolder(), 'native');
    await mkdir(join(installation, 'bin'), { recursive: true, mode: 0o700 });
    // As an installation under umask 077 leaves it.
    await writeFile(join(installation, 'bin', 'postgres'), '#!/bin/sh\ncat "$(dirname "$0")/../words"\n', {
      mode: 0o700,
    });
    await writeFile(join(installation, 'words'), `it runs ${Math.random()}`, { mode: 0o600 });
    const words = await readFile(join(installation, 'words'), 'utf8');
    expect(await firstClosedFolder(join(installation, 'bin', 'postgres'), user)).toBe(join(installation, '..'));

    const runs = async (copy: string): Promise<boolean> =>
      (await runAs(user, join(copy, 'bin', 'postgres'), [], '/')).output === words;
    const copy = (await reachableCopy(installation, user, runs)) as string;
    onTestFinished(() => rm(copy, { recursive: true, force: true }));
    expect(await runs(copy)).toBe(true);
    const { ino } = await stat(join(copy, 'words'));
    expect(await reachableCopy(installation, user, runs)).toBe(copy);
    expect((await stat(join(copy, 'words'))).ino).toBe(ino);

    await rm(join(copy, 'words'));
    expect(await runs(copy)).toBe(false);
    expect(await reachableCopy(installation, user, runs)).toBe(copy);
    expect(await runs(copy)).toBe(true);
    // The original keeps its modes: only a link with fitting modes is shared.
    expect((await stat(join(installation, 'words'))).mode & 0o777).toBe(0o600);
  });
});

describe.runIf(asRootOnLinux)('as an ordinary user', () => {
  const program = fileURLToPath(new URL('starter.ts', import.meta.url));

  /** The starter as another user: umask 077, no HOME, no environment but the way to Node. */
  async function startAs(uid: number, gid: number, dataDir: string): Promise<string> {
    const child = spawn('/bin/sh', ['-c', 'umask 077; exec "$0" "$@"', process.execPath, program, dataDir], {
      uid,
      gid,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
    await expect.poll(() => /started pid=|Error: /.test(output), { timeout: 25_000 }).toBe(true);
    return output;
  }

  const reachable = async (user: OsUser): Promise<boolean> =>
    (await firstClosedFolder(program, user)) === undefined &&
    (await firstClosedFolder(process.execPath, user)) === undefined;

  test('the server runs as that user', async ({ skip }) => {
    const user = (await chooseOsUser()) as OsUser;
    if (!(await reachable(user))) skip('this checkout is closed to other users');
    const dataDir = stoppedAtTheEnd(join(await scratchFolder(), 'a folder of mine', 'postgres'));
    await mkdir(join(dataDir, '..'));
    await chmod(join(dataDir, '..'), 0o700);
    await chown(join(dataDir, '..'), user.uid, user.gid);
    expect(await startAs(user.uid, user.gid, dataDir)).toContain('adopted=false');
    expect((await stat(join(dataDir, 'cluster', 'PG_VERSION'))).uid).toBe(user.uid);
  });

  test('for a user id without an account the error names what initdb lacks', async ({ skip }) => {
    const uid = 1_000_650_000;
    if (!(await reachable({ name: '', uid, gid: 0 }))) skip('this checkout is closed to other users');
    const folder = join(await scratchFolder(), 'random');
    await mkdir(folder);
    await chown(folder, uid, 0);
    expect(await startAs(uid, 0, join(folder, 'postgres'))).toMatch(
      /\/etc\/passwd has none for uid 1000650000: add one .*or set DATABASE_URL/,
    );
  });
});
