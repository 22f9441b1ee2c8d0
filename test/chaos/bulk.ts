import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/client/client.ts';
import type { OperationRow } from '../../src/db/statements/operations/operations.ts';
import { Actor } from './actor.ts';
import { untilDone } from './again.ts';
import type { Violation } from './audit.ts';
import type { Random } from './random.ts';
import { rows } from './rows.ts';
import { frail } from './workflows.ts';

const TASKS = 12;
/** Of each round, tasks that no operation is about. */
const BYSTANDERS = 2;
const PACE = 8;
/** Rounds at the same time. */
const AT_ONCE = 3;
const POLL_MS = 250;
/** While an operation is paused, this long is watched whether anything happens. */
const WATCHED_MS = 1500;
/** Longer than any fault, and than the start of the schedulers after it on a slow machine. */
const WITHIN_MS = 300_000;

/** An operation that was started, and what is known of it. */
export interface Started {
  id: string;
  action: 'retry' | 'cancel' | 'resolve';
  chosen: readonly string[];
  /** How many tasks it had acted on when the abort was acknowledged. */
  aborted?: number;
}

/**
 * Makes tasks fail and runs bulk operations on them, a few at the same time, and some with a twin on the same tasks. Operations are paused,
 * resumed and aborted at random moments, while schedulers are killed.
 */
export class Bulk extends Actor {
  readonly started: Started[] = [];
  /** Tasks that failed and that nobody may touch. */
  readonly bystanders = new Set<string>();
  readonly violations: Violation[] = [];
  private number = 0;
  private readonly client: Client;
  private readonly random: Random;

  constructor(client: Client, random: Random) {
    super();
    this.client = client;
    this.random = random;
  }

  /** Every operation has ended when they are over. */
  protected act(): Promise<void>[] {
    return Array.from({ length: AT_ONCE }, () => this.run());
  }

  private async run(): Promise<void> {
    while (this.running) {
      const failed = await this.failures(TASKS + BYSTANDERS);
      for (const taskId of failed.slice(0, BYSTANDERS)) this.bystanders.add(taskId);
      const chosen = failed.slice(BYSTANDERS);
      if (!this.running || chosen.length === 0) return;
      const twin = this.random.next() < 0.3;
      await Promise.all([this.operate(chosen), ...(twin ? [this.operate(chosen)] : [])]);
    }
  }

  /** Tasks in error; some of those that were submitted may not have failed, if their worker died before. */
  private async failures(tasks: number): Promise<string[]> {
    const requests = Array.from({ length: tasks }, () => {
      this.number += 1;
      return { input: { identity: `frail ${this.number}`, variety: this.number }, key: `frail ${this.number}` };
    });
    const ids = await Promise.all(
      requests.map(async ({ input, key }) => (await untilDone(() => this.client.submit(frail, input, { key }))).taskId),
    );
    const deadline = Date.now() + WITHIN_MS;
    for (;;) {
      const found = await untilDone(() =>
        rows<{ task: string; state: string }>(
          this.client.db,
          'SELECT task_id::text AS task, state FROM tasker.tasker_tasks WHERE task_id = ANY ($1::bigint[]) ORDER BY task_id',
          [ids],
        ),
      );
      if (found.every(({ state }) => state === 'error' || state === 'complete'))
        return found.flatMap(({ task, state }) => (state === 'error' ? [task] : []));
      if (Date.now() > deadline) return [];
      await sleep(POLL_MS);
    }
  }

  private async operate(chosen: readonly string[]): Promise<void> {
    const action = this.random.pick(['retry', 'retry', 'retry', 'cancel', 'resolve'] as const);
    const by = { by: 'chaos', reason: 'chaos' };
    const previewed = await untilDone(() =>
      this.client.operations.preview({
        ...by,
        action,
        taskIds: [...chosen],
        pacePerSecond: PACE,
        ...(action === 'retry' ? { attempts: 5, canary: this.random.pick([0, 3]) } : {}),
      }),
    );
    if (previewed === undefined) return;
    const { token, operation } = previewed;
    const id = operation.operation_id;
    const { outcome } = await untilDone(() => this.client.operations.start(token, by));
    // A start whose answer was lost is refused the second time.
    if (outcome !== 'started' && outcome !== 'refused')
      this.violations.push({ kind: 'operation not started', detail: `${id}: ${outcome}` });
    const started: Started = { id, action, chosen };
    this.started.push(started);
    await this.steer(started);
    await this.untilEnded(started);
  }

  private async steer(started: Started): Promise<void> {
    const { id } = started;
    await sleep(this.random.between(0, 1500));
    const what = this.random.next();
    if (what < 0.3) {
      await untilDone(() => this.client.operations.pause(id, { by: 'chaos' }));
      const before = await this.get(id);
      await sleep(WATCHED_MS);
      const after = await this.get(id);
      if (before.state === 'paused' && actedOn(after) !== actedOn(before))
        this.violations.push({
          kind: 'acted while paused',
          detail: `operation ${id}: ${actedOn(before)} tasks, then ${actedOn(after)}`,
        });
      await untilDone(() => this.client.operations.resume(id, { by: 'chaos' }));
    } else if (what < 0.55) await this.abort(started);
  }

  private async abort(started: Started): Promise<void> {
    const { id } = started;
    await untilDone(() => this.client.operations.abort(id, { by: 'chaos' }));
    const row = await this.get(id);
    if (row.state === 'aborted') started.aborted = actedOn(row);
  }

  /** A stop of its own is answered with a resume or an abort; one that ends no more, with an abort. */
  private async untilEnded(started: Started): Promise<void> {
    const { id } = started;
    const deadline = Date.now() + WITHIN_MS;
    for (;;) {
      const { state, why } = await this.get(id);
      if (state === 'done' || state === 'aborted') return;
      if (state === 'stopped') {
        if (this.random.next() < 0.5) await this.abort(started);
        else await untilDone(() => this.client.operations.resume(id, { by: 'chaos' }));
      }
      if (Date.now() > deadline) {
        this.violations.push({ kind: 'operation without end', detail: `${id} is ${state} (${why ?? 'no reason'})` });
        return this.abort(started);
      }
      await sleep(POLL_MS);
    }
  }

  private get(id: string): Promise<OperationRow> {
    return untilDone(async () => (await this.client.operations.get(id)) as OperationRow);
  }
}

export const actedOn = ({ done, refused, failed }: Pick<OperationRow, 'done' | 'refused' | 'failed'>): number =>
  done + refused + failed;
