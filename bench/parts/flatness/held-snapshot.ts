import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../../src/index.ts';
import { demandHealth, untilAllComplete } from '../../support/drive.ts';
import { BUSY, startFleet } from '../../support/fleet.ts';
import { type Buckets, quantileBetween, readHistogram } from '../../support/histogram.ts';
import { round, type Table } from '../../support/report.ts';
import type { BenchDatabase, BenchServer } from '../../support/server.ts';
import { single } from '../../support/workflows.ts';

/** Completions a second while single-step tasks keep coming, without and with a transaction that holds its snapshot open. */
export async function heldSnapshot(server: BenchServer, quick: boolean): Promise<Table> {
  // Both runs take equally long, because the growth of the tables alone costs something.
  const seconds = quick ? 6 : Number(process.env['BENCH_HELD_SECONDS'] ?? 60);
  const rows: (string | number)[][] = [];
  for (const held of [false, true]) {
    const db = await server.database();
    const holder = await db.pool.connect();
    if (held) {
      await holder.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await holder.query('SELECT count(*) FROM tasker.tasker_tasks');
    }
    const fleet = await startFleet({ url: db.url, workers: 1, env: BUSY });
    const read = (): Promise<Buckets> => readHistogram(fleet.urls[0] as string, 'tasker_claim_duration_seconds');
    const p99s: number[] = [];
    const rates: number[] = [];
    try {
      const client = createClient({ url: db.url });
      const started = performance.now();
      const until = started + seconds * 1000;
      // Keeps a backlog that is never empty and never large: tasks are submitted no faster than they complete.
      const requests = (async function* () {
        for (let n = 0; performance.now() < until; n += 1) {
          yield { input: { n } };
          if (n % 2000 === 1999)
            while (performance.now() < until && n + 1 - (await completed(db)) > 20_000) await sleep(20);
        }
      })();
      const submitting = (async () => {
        for await (const _ of client.submitMany(single, requests));
      })();
      let before = await read();
      let doneBefore = 0;
      let readAt = started;
      for (let third = 1; third <= 3; third += 1) {
        await Promise.race([
          submitting,
          sleep(Math.max(0, started + (third * seconds * 1000) / 3 - performance.now())),
        ]);
        const [after, done] = [await read(), await completed(db)];
        p99s.push(quantileBetween(before, after, 99) * 1000);
        const now = performance.now();
        rates.push(round((done - doneBefore) / ((now - readAt) / 1000)));
        readAt = now;
        before = after;
        doneBefore = done;
      }
      await submitting;
      await client.close();
      await untilAllComplete(db, 300);
    } finally {
      await fleet.stop();
    }
    await holder.query('ROLLBACK').catch(() => undefined);
    holder.release();
    if (seconds <= 60) await demandHealth(db);
    await db.drop();
    rows.push([
      held ? `a snapshot held for ${seconds} s` : `no snapshot held, for ${seconds} s`,
      ...rates,
      ...p99s.map((ms) => round(ms, 1)),
    ]);
  }
  return {
    title: 'Single-step tasks a second under a held snapshot',
    columns: [
      '',
      'first third',
      'second third',
      'last third',
      'claim p99 ms, first third',
      'second third',
      'last third',
    ],
    rows,
  };
}

async function completed(db: BenchDatabase): Promise<number> {
  const [row] = await db.query<{ done: number }>(
    `SELECT coalesce(n_tup_ins, 0)::float8 AS done FROM pg_stat_user_tables WHERE relname = 'tasker_task_transitions' /* bench: */`,
  );
  // Two transitions for each task that ended.
  return (row?.done ?? 0) / 2;
}
