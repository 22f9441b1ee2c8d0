import { randomBytes } from 'node:crypto';
import { link, open, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresError } from '../errors.ts';
import { readIfThere } from './folder.ts';
import { isAlive } from './process-identity.ts';

/** How often the holder renews its lock. */
const heartbeatMs = 1000;
/** A lock that nobody renewed for this long is stale even if its pid is alive: the number may belong to somebody else now. */
const staleAfterMs = 10_000;
const pollMs = 50;

/**
 * Runs `work` as the only starter of this folder, across processes. The lock is a file with the holder's pid; one whose
 * holder died is broken at once, one that is not renewed after ten seconds. It keeps concurrent starters apart; the data
 * itself is guarded by PostgreSQL's own postmaster.pid.
 */
export async function withLaunchLock<Result>(
  lockFile: string,
  waitMs: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const content = `${process.pid} ${randomBytes(8).toString('hex')}\n`;
  await acquire(lockFile, content, waitMs);
  const heartbeat = setInterval(() => {
    const now = new Date();
    // The lock may just have been broken or removed; then there is nothing to renew.
    utimes(lockFile, now, now).catch(() => {});
  }, heartbeatMs);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if ((await readIfThere(lockFile)) === content) await rm(lockFile, { force: true });
  }
}

async function acquire(lockFile: string, content: string, waitMs: number): Promise<void> {
  const deadline = Date.now() + waitMs;
  // A link appears with its content in one step, so that no reader ever sees a lock without a pid.
  const draft = `${lockFile}.${process.pid}.tmp-${randomBytes(6).toString('hex')}`;
  await writeFile(draft, content, { mode: 0o644 });
  try {
    for (;;) {
      try {
        await link(draft, lockFile);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      await breakIfStale(lockFile);
      if (Date.now() > deadline) {
        throw new EmbeddedPostgresError(
          `another process has been starting this database for ${Math.round(waitMs / 1000)} s ` +
            `(pid ${(await readIfThere(lockFile))?.split(' ')[0]}, ${lockFile}): stop that process and try again`,
          { lockFile },
        );
      }
      await sleep(pollMs);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** Removes a stale lock. Only one process does so at a time, so that none removes the lock that another has just taken. */
async function breakIfStale(lockFile: string): Promise<void> {
  if (!(await isStale(lockFile))) return;
  const breaker = `${lockFile}.breaking`;
  try {
    await (await open(breaker, 'wx')).close();
  } catch {
    // Another process is doing this, or died while doing it.
    const age = await ageMs(breaker);
    if (age !== undefined && age > staleAfterMs) await rm(breaker, { force: true });
    return;
  }
  try {
    if (await isStale(lockFile)) await rm(lockFile, { force: true });
  } finally {
    await rm(breaker, { force: true });
  }
}

async function isStale(lockFile: string): Promise<boolean> {
  const content = await readIfThere(lockFile);
  if (content === undefined) return false;
  const pid = Number(content.split(' ')[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !(await isAlive(pid))) return true;
  return ((await ageMs(lockFile)) ?? 0) > staleAfterMs;
}

async function ageMs(path: string): Promise<number | undefined> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch {
    return undefined;
  }
}
