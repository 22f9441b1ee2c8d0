import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/client/client.ts';
import type { Database } from '../../src/db/connections/database.ts';
import { Actor } from './actor.ts';
import type { Violation } from './audit.ts';
import type { Random } from './random.ts';
import { rows } from './rows.ts';
import { again } from './workflows.ts';

const KEYS = 4;
const PAUSE_MS = 250;
/** No fault lasts this long: a submit that fails for longer has another cause. */
const SUBMIT_WITHIN_MS = 120_000;

const OPEN_TWICE = `
SELECT t.context ->> 'again' AS key, array_agg(t.task_id::text) AS tasks
FROM tasker.tasker_tasks t
JOIN tasker.tasker_named_tasks k USING (named_task_id)
WHERE k.name = 'chaos_again' AND t.state IN ('pending', 'in_progress')
GROUP BY 1
HAVING count(*) > 1`;

/**
 * Submits tasks under the same few keys, with the rule that a new one is made if the present one has ended, and checks meanwhile
 * that no key ever has two open tasks. A submit whose outcome is unknown is tried again, and may make a second task, if the first has
 * ended by then: so only the tasks that were acknowledged are known.
 */
export class Reuse extends Actor {
  /** Tasks by the number of acknowledgements. */
  readonly acknowledged = new Map<string, number>();
  readonly violations: Violation[] = [];
  private number = 0;
  private readonly client: Client;
  private readonly random: Random;

  constructor(client: Client, random: Random) {
    super();
    this.client = client;
    this.random = random;
  }

  protected act(): Promise<void>[] {
    // Two at once, so that submits under one key meet.
    return [this.submitAll(), this.submitAll(), this.watch()];
  }

  private async submitAll(): Promise<void> {
    while (this.running) {
      await this.submit(`again ${this.random.between(1, KEYS)}`);
      await this.rest(PAUSE_MS);
    }
  }

  private async submit(key: string): Promise<void> {
    const deadline = Date.now() + SUBMIT_WITHIN_MS;
    for (;;) {
      this.number += 1;
      const input = { identity: `${key}, ${this.number}`, variety: this.number, again: key };
      try {
        const { taskId } = await this.client.submit(again, input, { key, reuse: 'afterEnd' });
        this.acknowledged.set(taskId, (this.acknowledged.get(taskId) ?? 0) + 1);
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  private async watch(): Promise<void> {
    while (this.running) {
      await this.rest(2 * PAUSE_MS);
      // The database may be away.
      const found = await rows<{ key: string; tasks: string[] }>(this.client.db, OPEN_TWICE).catch(() => []);
      for (const { key, tasks } of found)
        this.violations.push({ kind: 'two open tasks of one key', detail: `${key}: tasks ${tasks.join(', ')}` });
    }
  }
}

/** Checks that every acknowledged task ended in complete, and that each task of a key followed the one before. */
export async function reuseViolations(
  db: Database,
  { acknowledged, violations }: Pick<Reuse, 'acknowledged' | 'violations'>,
): Promise<Violation[]> {
  const found = await rows<{ task: string; state: string; key: string }>(
    db,
    `SELECT t.task_id AS task, t.state, t.context ->> 'again' AS key
     FROM tasker.tasker_tasks t JOIN tasker.tasker_named_tasks k USING (named_task_id) WHERE k.name = 'chaos_again'`,
  );
  const states = new Map(found.map(({ task, state }) => [task, state]));
  const generations = await rows<{ identity: string; generations: number[] }>(
    db,
    `SELECT d.identity_hash AS identity, array_agg(d.generation ORDER BY d.task_id) AS generations
     FROM tasker.tasker_identities d JOIN tasker.tasker_tasks t USING (task_id)
     JOIN tasker.tasker_named_tasks k USING (named_task_id) WHERE k.name = 'chaos_again' GROUP BY d.identity_hash`,
  );
  const keys = new Set(found.map(({ key }) => key)).size;
  return [
    ...violations,
    ...[...acknowledged.keys()]
      .filter((task) => !states.has(task))
      .map((task) => ({ kind: 'lost', detail: `task ${task} of a reused key was acknowledged and is not there` })),
    ...found
      .filter(({ state }) => state !== 'complete')
      .map(({ task, state }) => ({ kind: 'wrong end', detail: `task ${task} of a reused key is ${state}` })),
    ...generations
      .filter((each) => each.generations.some((generation, index) => generation !== index + 1))
      .map((each) => ({ kind: 'generations', detail: `${each.identity}: ${each.generations.join(', ')}` })),
    ...(generations.length > keys
      ? [{ kind: 'generations', detail: `${generations.length} identities of ${keys} keys` }]
      : []),
  ];
}
