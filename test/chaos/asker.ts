import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/client/client.ts';
import type { Database } from '../../src/db/connections/database.ts';
import type { Verdict } from '../../src/reads/explain/verdicts.ts';
import type { Violation } from './audit.ts';
import type { Random } from './random.ts';
import { rows } from './rows.ts';

/** What a task was said to wait for at a moment. */
export interface Asked {
  taskId: string;
  /** Undefined: the verdict is about the task as a whole. */
  step: string | undefined;
  verdict: Verdict;
  /** By the clock of the database. */
  at: Date;
  /** Why, if the verdict is BUG. */
  because: string;
}

const PACE_MS = 50;
/** Among the newest tasks: older ones have ended, and all of them are explained alike. */
const NEWEST = 30;
/** A transition is written this long before it is visible at most, and is invisible to a snapshot that began as much later. */
const COMMITTED_WITHIN_MS = 15_000;

/** Explains random tasks of the load for as long as it runs. */
export class Asker {
  readonly asked: Asked[] = [];
  private readonly client: Client;
  private readonly random: Random;
  private readonly tasks: () => readonly { taskId: string }[];
  private running = true;
  private loop: Promise<void> | undefined;

  constructor(options: { url: string; random: Random; tasks: () => readonly { taskId: string }[] }) {
    this.client = new Client({ url: options.url, applicationName: 'chaos asker', poolSize: 2 });
    this.random = options.random;
    this.tasks = options.tasks;
  }

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.loop;
    await this.client.close();
  }

  private async run(): Promise<void> {
    while (this.running) {
      const newest = this.tasks().slice(-NEWEST);
      // The database may be away: then nothing is asked.
      if (newest.length > 0) await this.ask(this.random.pick(newest).taskId).catch(() => undefined);
      await sleep(PACE_MS);
    }
  }

  private async ask(taskId: string): Promise<void> {
    const names = (await this.client.getTask(taskId))?.steps.map(({ name }) => name) ?? [];
    const step = names.length > 0 && this.random.next() < 0.7 ? this.random.pick(names) : undefined;
    const found = await this.client.explain(taskId, step);
    if (found === undefined) return;
    this.asked.push({
      taskId,
      step: found.step ?? undefined,
      verdict: found.verdict,
      at: found.as_of,
      because: found.verdict === 'BUG' ? found.because.map(({ text }) => text).join('; ') : '',
    });
  }
}

const STATES: Readonly<Record<Exclude<Verdict, 'BUG'>, readonly string[]>> = {
  ENDED: ['complete', 'resolved_manually'],
  TASK_CANCELLED: ['cancelled'],
  RUNNING: ['in_progress'],
  WORKER_SILENT: ['in_progress'],
  BACKOFF: ['error'],
  NO_SCHEDULER: ['error'],
  BLOCKED: ['error'],
  PARENT_BLOCKED: ['pending'],
  WAITS_FOR_PARENTS: ['pending'],
  PAUSED: ['pending'],
  NO_WORKER_ON_QUEUE: ['pending'],
  NO_HANDLER: ['pending'],
  QUARANTINED: ['pending'],
  FLEET_SCALING: ['pending'],
  ALL_SLOTS_BUSY: ['pending'],
  BEHIND: ['pending'],
  DATABASE_BEHIND: ['pending'],
  ABOUT_TO_START: ['pending'],
};

/** Verdicts that contradict the history: a state in which the step was not around that time, or a contradiction that no check finds later. */
export async function askedViolations(db: Database, asked: readonly Asked[]): Promise<Violation[]> {
  const histories = await historiesOf(db, asked);
  return asked.flatMap(({ taskId, step, verdict, at, because }) => {
    const what = `task ${taskId}${step === undefined ? '' : `, step ${step}`} at ${at.toISOString()}: ${verdict}`;
    if (verdict === 'BUG') return [{ kind: 'explained as a bug', detail: `${what}: ${because}` }];
    const history = histories.get(`${taskId} ${step ?? ''}`);
    // Retention has removed the task since.
    if (history === undefined) return [];
    const around = statesAround(history, at.getTime());
    if (STATES[verdict].some((state) => around.has(state))) return [];
    return [{ kind: 'explained against the history', detail: `${what}, and it was ${[...around].join(', ')}` }];
  });
}

interface Change {
  state: string;
  at: number;
}

/** The states in which it may have been, as a snapshot of this moment had it. */
export function statesAround(history: readonly Change[], at: number): Set<string> {
  const states = new Set<string>();
  for (const [place, { state, at: from }] of history.entries()) {
    const until = history[place + 1]?.at ?? Infinity;
    if (from <= at + 500 && until >= at - COMMITTED_WITHIN_MS) states.add(state);
  }
  return states;
}

async function historiesOf(db: Database, asked: readonly Asked[]): Promise<Map<string, Change[]>> {
  const ids = [...new Set(asked.map(({ taskId }) => taskId))];
  const changes = await rows<{ task_id: string; step: string; to_state: string; created_at: Date }>(
    db,
    `SELECT t.task_id::text, n.name AS step, t.to_state, t.created_at FROM tasker.tasker_workflow_step_transitions t
     JOIN tasker.tasker_workflow_steps s ON s.task_id = t.task_id AND s.workflow_step_id = t.workflow_step_id
     JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
     WHERE t.task_id = ANY ($1::bigint[])
     UNION ALL
     SELECT t.task_id::text, '', t.to_state, t.created_at FROM tasker.tasker_task_transitions t WHERE t.task_id = ANY ($1::bigint[])
     ORDER BY created_at`,
    [ids],
  );
  const kept = await rows<{ task_id: string }>(
    db,
    `SELECT task_id::text FROM tasker.tasker_tasks WHERE task_id = ANY ($1::bigint[])`,
    [ids],
  );
  const left = new Set(kept.map((row) => row.task_id));
  const histories = new Map<string, Change[]>();
  for (const { taskId, step } of asked.filter((each) => left.has(each.taskId)))
    histories.set(`${taskId} ${step ?? ''}`, [{ state: 'pending', at: -Infinity }]);
  for (const change of changes) {
    histories
      .get(`${change.task_id} ${change.step}`)
      ?.push({ state: change.to_state, at: change.created_at.getTime() });
  }
  return histories;
}
