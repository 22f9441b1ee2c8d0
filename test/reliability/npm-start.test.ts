import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stopEmbeddedPostgres } from '../../src/embedded/start.ts';
import { chooseOsUser, type OsUser } from '../../src/embedded/os-user.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));
const PARTS = ['package.json', 'src', 'migrations', 'examples', 'node_modules'];

/** A copy of the repository in a new folder, by hard links if possible. */
async function copyRepository(folder: string): Promise<string> {
  await mkdir(folder);
  for (const part of PARTS) {
    const from = join(repository, part);
    await run('cp', ['-al', from, folder]).catch(async () => {
      await rm(join(folder, part), { recursive: true, force: true });
      await run('cp', ['-a', from, folder]);
    });
  }
  onTestFinished(
    async () => void (await stopEmbeddedPostgres({ dataDir: join(folder, '.data/postgres'), mode: 'immediate' })),
  );
  return folder;
}

/** Runs `npm start` for a few orders, as `user` or as the user of the tests; returns its whole output. */
async function npmStart(folder: string, user?: OsUser): Promise<string> {
  const env = {
    PATH: `/usr/local/bin:/usr/bin:/bin:${dirname(process.execPath)}`,
    ...(user === undefined ? { HOME: '/root' } : {}),
  };
  const options = { cwd: folder, env, timeout: 100_000, ...(user && { uid: user.uid, gid: user.gid }) };
  const result = await run('/bin/sh', ['-c', 'umask 077; npm start -- --exit --tasks 20 --port 9600'], options).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return `${result.stdout}${result.stderr}`;
}

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('npm start', () => {
  test('works for root below a folder that no other user may enter, and continues with the tasks of an earlier run', async () => {
    const closed = join(await scratchFolder(), 'root für sich');
    await mkdir(closed, { mode: 0o700 });
    const folder = await copyRepository(join(closed, 'clone'));
    expect(await npmStart(folder)).toContain('submitted: 20 tasks');
    expect(await npmStart(folder)).toContain('submitted: 0 tasks; 20 tasks known from an earlier run');
  }, 240_000);

  test('works for an ordinary user without a home folder, with programs that belong to another user', async () => {
    const user = (await chooseOsUser()) as OsUser;
    const folder = await copyRepository(join(await scratchFolder(), 'ein Klon'));
    await chmod(folder, 0o700);
    await chown(folder, user.uid, user.gid);
    const output = await npmStart(folder, user);
    expect(output).toContain('submitted: 20 tasks');
    expect(output).not.toMatch(/^failed:/m);
  }, 120_000);
});
