import { expect, it } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import { explain } from '../../src/reads/explain/explain.ts';
import type { Explanation } from '../../src/reads/explain/explanation.ts';
import { type Act, useStage } from './stage.ts';

/** A server may stand still between two statements of an explanation; everything in it is of its `as_of` all the same. */
const stage = await useStage();
const { db } = stage.engine;

const LASTS_SECONDS = 2;

/** A database that stands still behind the steps of the task, until what ended soon has ended. */
const standingStill: Database = {
  ...db,
  transaction: (work) =>
    db.transaction((tx) =>
      work({
        ...tx,
        async run(statement, ...given) {
          const rows = await tx.run(statement, ...given);
          if (statement.name === 'find_explained_steps') await stage.sql(`SELECT pg_sleep(${LASTS_SECONDS + 0.1})`);
          return rows;
        },
      }),
    ),
};

/** Explains a step while `ends`, an assignment, ends soon, again if it had ended before the first statement. */
async function explainedWhile(act: Act, table: string, ends: string, step: string): Promise<Explanation> {
  for (;;) {
    await stage.sql(`UPDATE tasker.${table} SET ${ends} = clock_timestamp() + interval '${LASTS_SECONDS} s'`);
    const found = await explain(standingStill, act.taskId, step);
    const [row] = (await stage.sql(`SELECT min(${ends}) AS at FROM tasker.${table}`)) as { at: Date }[];
    if (found !== undefined && row !== undefined && found.as_of < row.at) return found;
  }
}

it('a worker and a scheduler that lived then are not dead because their leases end while it is read', async () => {
  const act = await stage.act();
  const worker = await stage.worker(act.queueOf('left'), act);
  const ready = await explainedWhile(act, 'tasker_workers', 'lease_expires_at', 'left');
  expect([ready.verdict, ready.because[1]?.numbers['workers']]).toEqual(['ABOUT_TO_START', 1]);

  await stage.claim(worker, act, act.queueOf('left'));
  await stage.sql(
    `UPDATE tasker.tasker_workers SET heartbeat_at = clock_timestamp(), lease_seconds = ${LASTS_SECONDS}`,
  );
  const running = await explainedWhile(act, 'tasker_workers', 'lease_expires_at', 'left');
  expect(running.verdict).toBe('RUNNING');
});

it('a step in backoff has the schedulers that lived then', async () => {
  const act = await stage.act();
  const worker = await stage.worker(act.queueOf('left'), act);
  const [step] = await stage.claim(worker, act, act.queueOf('left'));
  if (step === undefined) throw new Error('nothing was claimed');
  await stage.fail(worker, step, { retryAfter: 300 });
  const { who_acts: who, because } = await explainedWhile(act, 'tasker_workers', 'lease_expires_at', 'left');
  expect([who, because[0]?.numbers['schedulers']]).toEqual(['engine', 1]);
});

it('what was paused then is paused, although the pause ends while it is read', async () => {
  const act = await stage.act();
  await stage.worker(act.queueOf('left'), act);
  await stage.client.pause({ queue: act.queueOf('left') }, { by: 'ada' });
  const { verdict, until, as_of: asOf } = await explainedWhile(act, 'tasker_pauses', 'until', 'left');
  expect(verdict).toBe('PAUSED');
  expect(until?.getTime()).toBeGreaterThan(asOf.getTime());
});
