/**
 * pg-boss. `bulk`: what its documentation recommends for throughput, fetch and complete of 1,000 jobs at a time, in two loops.
 * `work`: its worker with batches of 1,000. `flow`: diamonds, each step a job that depends on others.
 */
import { PgBoss } from 'pg-boss';
import { report, waitUntil } from './measure.ts';

const [, , mode, countText] = process.argv;
const count = Number(countText);
const boss = new PgBoss({
  connectionString: process.env['DATABASE_URL'] as string,
  max: 10,
  supervise: mode === 'flow',
  schedule: false,
});
boss.on('error', (error) => console.error(error));
await boss.start();
await boss.createQueue('noop');
let startedAt = 0;
let handled = 0;

if (mode === 'flow') {
  for (let n = 0; n < count; n += 1) {
    await boss.flow([
      { ref: 'a', name: 'noop' },
      { ref: 'b', name: 'noop', dependsOn: ['a'] },
      { ref: 'c', name: 'noop', dependsOn: ['a'] },
      { ref: 'd', name: 'noop', dependsOn: ['b', 'c'] },
    ]);
  }
} else {
  for (let done = 0; done < count; done += 5000) {
    await boss.insert(
      'noop',
      Array.from({ length: Math.min(5000, count - done) }, (_, n) => ({ data: { n } })),
    );
  }
}

const steps = mode === 'flow' ? count * 4 : count;
startedAt = performance.now();
if (mode === 'bulk') {
  const loop = async (): Promise<void> => {
    while (handled < steps) {
      const jobs = await boss.fetch('noop', { batchSize: 1000 });
      if (jobs.length === 0) return;
      await boss.complete(
        'noop',
        jobs.map((job) => job.id),
      );
      handled += jobs.length;
    }
  };
  await Promise.all([loop(), loop()]);
} else {
  for (let worker = 0; worker < 2; worker += 1) {
    await boss.work('noop', { batchSize: 1000, pollingIntervalSeconds: 0.5 }, async (jobs) => {
      handled += jobs.length;
    });
  }
  await waitUntil(async () => handled >= steps);
}
report(steps, performance.now() - startedAt);
await boss.stop({ graceful: false });
process.exit(0);
