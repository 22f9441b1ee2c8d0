import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';
import { Client } from '../../src/client/client.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { isUnavailable } from '../../src/db/connections/sql-errors.ts';
import { SchemaOutdatedError } from '../../src/errors.ts';
import { Fleet } from '../chaos/fleet.ts';
import { runMarker } from '../support/test-run.ts';
import { waitFor } from '../support/wait-for.ts';
import { steady } from './workflows.ts';

/** Whether the long form of a test is to run. */
export const LONG = process.env['TASKER_TEST_LONG'] === '1';

/** Worker and scheduler processes at default settings. The caller drains them. */
export async function startFleet(options: {
  url: string;
  workers: number;
  schedulers: number;
  env?: Record<string, string>;
}): Promise<Fleet> {
  const run = inject('testRun');
  return new Fleet({
    workers: options.workers,
    schedulers: options.schedulers,
    urlOf: () => options.url,
    env: { ...options.env, [runMarker]: run.id },
    workflows: 'test/reliability/workflows.ts',
    logFolder: await mkdtemp(join(run.scratchDir, 'fleet-')),
  });
}

/** Submits tasks at a steady rate until it is stopped, and records the acknowledged ones. */
export class SteadyLoad {
  readonly acknowledged: string[] = [];
  private readonly client: Client;
  private running = true;
  private readonly loop: Promise<void>;

  constructor(options: { url: string; perSecond: number; stepMs: number; name: string }) {
    this.client = new Client({ url: options.url, applicationName: 'steady load', poolSize: 3 });
    this.loop = this.run(options);
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.loop;
    await this.client.close();
  }

  private async run({ perSecond, stepMs, name }: { perSecond: number; stepMs: number; name: string }): Promise<void> {
    for (let number = 0; this.running; number += 1) {
      try {
        const input = { ms: stepMs * (0.5 + (number % 10) / 10) };
        const { taskId } = await this.client.submit(steady, input, { key: `${name} ${number}` });
        this.acknowledged.push(taskId);
      } catch (error) {
        // SchemaOutdatedError: a migration has just been taken back, so wait until it is there again.
        if (!isUnavailable(error) && !(error instanceof SchemaOutdatedError)) throw error;
        // The same key again, so it does not matter whether the task was created before.
        number -= 1;
        await sleep(50);
      }
      await sleep(1000 / perSecond);
    }
  }
}

type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;

/** Waits until every acknowledged task is complete. */
export async function allComplete(query: Query, taskIds: readonly string[], timeoutMs = 90_000): Promise<void> {
  await waitFor(
    async () => {
      const [row] = await query<{ done: number }>(
        `SELECT count(*)::integer AS done FROM tasker.tasker_tasks WHERE task_id = ANY ($1::bigint[]) AND state = 'complete'`,
        [taskIds],
      );
      return row?.done === taskIds.length;
    },
    { timeoutMs, intervalMs: 100, what: `${taskIds.length} tasks to be complete` },
  );
}

/** Waits until `count` processes of a role have joined the fleet. */
export async function joined(query: Query, role: 'worker' | 'scheduler', count: number): Promise<void> {
  await waitFor(
    async () =>
      (
        await query(
          `SELECT 1 FROM tasker.tasker_workers WHERE role = $1 AND stopped_at IS NULL AND heartbeat_at > now() - interval '5 s'`,
          [role],
        )
      ).length >= count,
    { timeoutMs: 60_000, intervalMs: 50, what: `${count} ${role} processes to join` },
  );
}

/** The number of transitions for each cause. */
export async function causes(query: Query): Promise<Record<string, number>> {
  const rows = await query<{ cause: string; count: number }>(
    'SELECT cause, count(*)::integer AS count FROM tasker.tasker_workflow_step_transitions GROUP BY cause',
  );
  return Object.fromEntries(rows.map(({ cause, count }) => [cause, count]));
}

/** The findings of the doctor. */
export async function findings(url: string): Promise<unknown[]> {
  const db = openDatabase({ url, applicationName: 'doctor', poolSize: 1 });
  try {
    return await examine(db);
  } finally {
    await db.close();
  }
}

/** Nearest rank, in the unit of what is given. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
