import { expect, it } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import type { Statement } from '../../src/db/statement.ts';
import { Notifier } from '../../src/db/connections/notifier.ts';
import { recoverDeadWorkers } from '../../src/scheduler/chores/recover-dead-workers.ts';

it('sweeps for steps of ended processes in every round after an end, and in every fourth while no process ends', async () => {
  let alive = ['1', '2'];
  let sweeps = 0;
  let due = false;
  const polls: boolean[] = [];
  const run = async ({ name }: Statement): Promise<object[]> => {
    if (name === 'find_beats')
      return alive.map((worker_id) => ({ worker_id, heartbeat_us: String(performance.now()), retry_due: due }));
    if (name === 'recover_steps') sweeps += 1;
    return [];
  };
  const db = { run, schema: 'tasker' } as unknown as Database;
  const chore = recoverDeadWorkers({
    db,
    notifier: new Notifier(db),
    intervalMs: 500,
    silentSeconds: 3,
    onRecovered: () => undefined,
    onPolled: (retriesDue) => polls.push(retriesDue),
  });
  const sweepsIn = async (rounds: number): Promise<number> => {
    const before = sweeps;
    for (let round = 0; round < rounds; round += 1) await chore.run();
    return sweeps - before;
  };
  // A scheduler that has just started does not know who ended before.
  expect(await sweepsIn(20)).toBe(20);
  expect(await sweepsIn(20)).toBe(5);
  alive = ['1', '2', '3'];
  expect(await sweepsIn(20)).toBe(5);
  // Whatever ended the second one: it drained, or another scheduler found it dead.
  alive = ['1', '3'];
  expect(await sweepsIn(20)).toBe(20);
  expect(await sweepsIn(21)).toBeLessThanOrEqual(7);

  // Each round also reports whether a retry is due.
  polls.length = 0;
  await chore.run();
  due = true;
  await chore.run();
  expect(polls).toEqual([false, true]);
});
