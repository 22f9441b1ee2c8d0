import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/client/client.ts';
import type { Database } from '../../src/db/connections/database.ts';
import { Actor } from './actor.ts';
import { untilDone } from './again.ts';
import type { Violation } from './audit.ts';
import type { LedgerLine } from './ledger.ts';
import type { Random } from './random.ts';
import { rows } from './rows.ts';
import { brief, KEPT_SECONDS } from './workflows.ts';

const PAUSE_MS = 400;
const HELD_TAG = 'chaos=held';
/** Every fourth task is held by its tag, and every fourth by its id when it is about to be removed. */
const ONE_OF = 4;

/**
 * Submits tasks that are kept for seconds, and holds some of them: by a tag from the beginning, or by id at about the time at which
 * retention removes them. A submit whose outcome is unknown is followed by another one, so only the tasks that were acknowledged are known.
 */
export class Brief extends Actor {
  readonly acknowledged = new Set<string>();
  /** Tasks of which a hold was acknowledged. */
  readonly held = new Set<string>();
  private number = 0;
  private readonly pending: Promise<void>[] = [];
  private readonly client: Client;
  private readonly random: Random;

  constructor(client: Client, random: Random) {
    super();
    this.client = client;
    this.random = random;
  }

  protected act(): Promise<void>[] {
    return [this.submitAll()];
  }

  private async submitAll(): Promise<void> {
    await untilDone(() => this.client.holds.add({ tag: HELD_TAG, reason: 'chaos', by: 'chaos' }));
    while (this.running) {
      const tagged = this.number % ONE_OF === 0;
      const { taskId } = await untilDone(() => {
        this.number += 1;
        const input = { identity: `brief ${this.number}`, variety: this.number };
        return this.client.submit(brief, input, tagged ? { tags: [HELD_TAG] } : {});
      });
      this.acknowledged.add(taskId);
      if (tagged) this.held.add(taskId);
      else if (this.number % ONE_OF === 1) this.pending.push(this.holdLater(taskId));
      await this.rest(PAUSE_MS);
    }
    await Promise.all(this.pending);
  }

  private async holdLater(taskId: string): Promise<void> {
    await sleep(this.random.between(0, 100 * KEPT_SECONDS) * 20);
    const hold = await untilDone(() => this.client.holds.add({ taskId, reason: 'chaos', by: 'chaos' }));
    if (hold !== undefined) this.held.add(taskId);
  }
}

/** Checks that only tasks that had ended and were not held were removed, that nothing else was, and that removals were counted once. */
export async function briefViolations(
  db: Database,
  { acknowledged, held }: Pick<Brief, 'acknowledged' | 'held'>,
  ledger: readonly LedgerLine[],
): Promise<{ violations: Violation[]; removed: number; gone: string[] }> {
  const found = await rows<{ task: string; state: string }>(
    db,
    `SELECT t.task_id AS task, t.state FROM tasker.tasker_tasks t JOIN tasker.tasker_named_tasks k USING (named_task_id)
     WHERE k.name = 'chaos_brief'`,
  );
  const [counted] = await rows<{ tasks: number; steps: number; others: number }>(
    db,
    `SELECT coalesce(sum(r.tasks) FILTER (WHERE k.name = 'chaos_brief'), 0)::integer AS tasks,
       coalesce(sum(r.steps) FILTER (WHERE k.name = 'chaos_brief'), 0)::integer AS steps,
       coalesce(sum(r.tasks) FILTER (WHERE k.name <> 'chaos_brief'), 0)::integer AS others
     FROM tasker.tasker_retention_removed r JOIN tasker.tasker_named_tasks k USING (named_task_id)`,
  );
  const states = new Map(found.map(({ task, state }) => [task, state]));
  const effects = new Map<string, Set<string>>();
  for (const { kind, task, step } of ledger)
    if (kind === 'effect') effects.set(task, (effects.get(task) ?? new Set()).add(step));
  const gone = [...acknowledged].filter((task) => !states.has(task));
  const removed = counted?.tasks ?? 0;
  return {
    removed,
    gone,
    violations: [
      ...gone.filter((task) => held.has(task)).map((task) => ({ kind: 'held task removed', detail: `task ${task}` })),
      ...gone
        .filter((task) => effects.get(task)?.size !== brief.steps.length)
        .map((task) => ({
          kind: 'removed before its end',
          detail: `task ${task}: effects of ${[...(effects.get(task) ?? [])]}`,
        })),
      ...found
        .filter(({ state }) => state !== 'complete')
        .map(({ task, state }) => ({ kind: 'wrong end', detail: `task ${task}, kept for seconds, is ${state}` })),
      ...(gone.length > removed
        ? [{ kind: 'removals', detail: `${gone.length} tasks are gone and ${removed} removals were counted` }]
        : []),
      ...(counted?.steps === removed * brief.steps.length
        ? []
        : [{ kind: 'removals', detail: `${removed} tasks were removed with ${counted?.steps} steps` }]),
      ...(counted?.others === 0
        ? []
        : [{ kind: 'removals', detail: `${counted?.others} tasks that are kept for ever were removed` }]),
    ],
  };
}
