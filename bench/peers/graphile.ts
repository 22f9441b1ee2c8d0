/**
 * Single jobs through graphile-worker. `default`: 24 jobs at once, as in its documentation. `batched`, the fastest set-up in that
 * documentation: a local queue of 1,000 prefetched jobs and completions in batches, here with 500 jobs at once.
 */
import { makeWorkerUtils, run, Logger } from 'graphile-worker';
import pg from 'pg';
import { report, waitUntil } from './measure.ts';

const [, , mode, countText] = process.argv;
const count = Number(countText);
const connectionString = process.env['DATABASE_URL'] as string;
const logger = new Logger(() => () => undefined);
const pool = new pg.Pool({ connectionString, max: 10 });

const utils = await makeWorkerUtils({ connectionString, logger });
await utils.migrate();
for (let done = 0; done < count; done += 10_000) {
  await pool.query(
    `SELECT count(*) FROM graphile_worker.add_jobs((
       SELECT array_agg(json_populate_record(NULL::graphile_worker.job_spec,
         json_build_object('identifier', 'noop', 'payload', json_build_object('n', n))))
       FROM generate_series(1, $1::integer) n))`,
    [Math.min(10_000, count - done)],
  );
}
await utils.release();
await pool.query('ANALYZE');

let handled = 0;
let startedAt = 0;
const runner = await run({
  preset: {
    worker: {
      connectionString,
      maxPoolSize: 10,
      pollInterval: 200,
      ...(mode === 'batched'
        ? { concurrentJobs: 500, localQueue: { size: 1000 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }
        : { concurrentJobs: 24 }),
    },
  },
  logger,
  noHandleSignals: true,
  taskList: {
    noop: () => {
      if (startedAt === 0) startedAt = performance.now();
      handled += 1;
    },
  },
});
await waitUntil(async () => {
  if (handled < count) return false;
  const { rows } = await pool.query('SELECT FROM graphile_worker._private_jobs LIMIT 1');
  return rows.length === 0;
});
report(count, performance.now() - startedAt);
await runner.stop();
await pool.end();
process.exit(0);
