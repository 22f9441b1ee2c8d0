import { expect, it } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import type { Statement } from '../../src/db/statement.ts';
import { Notifier } from '../../src/db/connections/notifier.ts';
import { recoverDead } from '../../src/scheduler/chores/recover-dead.ts';

it('the steps of ended processes are looked for in every round after an end, and in every fourth while all live', async () => {
  let alive = ['1', '2'];
  let sweeps = 0;
  let retryDue = false;
  const looks: boolean[] = [];
  const run = async ({ name }: Statement): Promise<object[]> => {
    if (name === 'find_beats')
      return alive.map((worker_id) => ({ worker_id, beat: String(performance.now()), retry_due: retryDue }));
    if (name === 'recover_steps') sweeps += 1;
    return [];
  };
  const db = { run, schema: 'tasker' } as unknown as Database;
  const chore = recoverDead({
    db,
    notifier: new Notifier(db),
    intervalMs: 500,
    silentSeconds: 3,
    onRecovered: () => undefined,
    onLooked: (due) => looks.push(due),
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
  // Whoever ended the second one: it drained, or another scheduler found it dead.
  alive = ['1', '3'];
  expect(await sweepsIn(20)).toBe(20);
  expect(await sweepsIn(21)).toBeLessThanOrEqual(7);

  // Each look tells whether a retry is due as well.
  looks.length = 0;
  await chore.run();
  retryDue = true;
  await chore.run();
  expect(looks).toEqual([false, true]);
});
