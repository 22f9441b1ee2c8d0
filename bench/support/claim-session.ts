import { readFileSync } from 'node:fs';
import pg from 'pg';
import { PINNED_PLANS } from '../../src/db/connections/session-settings.ts';
import { claimStatement } from '../../src/db/statements/claims/claim-steps.ts';
import { rangeRow, WHOLE_QUEUE } from '../../src/db/statements/claims/ready-ranges.ts';
import { median } from './report.ts';
import type { BenchDatabase } from './server.ts';

/** What one claim took: on the clock, and of the CPU by its backend alone, which other load of the machine does not change. */
export interface ClaimCost {
  ms: number;
  /** NaN without /proc. */
  cpuMs: number;
}

/** Claims of 64, each rolled back, on a session with the settings of a worker's. */
export class ClaimSession {
  private readonly client: pg.Client;
  private readonly pid: number;
  private readonly worker: string;
  private readonly values: readonly unknown[];
  /** 64 is the largest size below 100: what a worker with 100 free slots claims first. */
  private readonly statement = claimStatement(100, 'pinned');

  private constructor(client: pg.Client, pid: number, worker: string, workflows: readonly number[]) {
    this.client = client;
    this.pid = pid;
    this.worker = worker;
    this.values = this.statement.values({
      claim_id: '00000000-0000-4000-8000-000000000001',
      worker_id: worker,
      queue: 'default',
      named_task_ids: workflows,
      closed_claims: [],
      ranges: WHOLE_QUEUE.map(rangeRow),
      lowest_task: 0,
    });
  }

  static async open(db: BenchDatabase, workflows: readonly number[]): Promise<ClaimSession> {
    const options = PINNED_PLANS.map(({ name, value }) => `-c ${name}=${value}`).join(' ');
    const client = new pg.Client({ connectionString: db.url, options });
    await client.connect();
    const { rows } = await client.query<{ worker_id: string; pid: number }>(`
      INSERT INTO tasker.tasker_workers (role, name, version, lease_seconds, lease_expires_at, stopped_at)
      VALUES ('worker', 'bench', '0', 600, clock_timestamp() + interval '10 minutes', NULL) RETURNING worker_id, pg_backend_pid() AS pid`);
    const [{ worker_id: worker, pid } = { worker_id: '', pid: 0 }] = rows;
    return new ClaimSession(client, pid, worker, workflows);
  }

  async claim(): Promise<ClaimCost> {
    await this.client.query('BEGIN');
    const cpu = this.cpuMs();
    const started = performance.now();
    const claimed = await this.client.query({
      name: this.statement.name,
      text: this.statement.text,
      values: [...this.values],
    });
    const cost = { ms: performance.now() - started, cpuMs: this.cpuMs() - cpu };
    if (claimed.rows.length !== 64) throw new Error(`claimed ${claimed.rows.length} steps instead of 64`);
    await this.client.query('ROLLBACK');
    return cost;
  }

  async close(): Promise<void> {
    await this.client.query('DELETE FROM tasker.tasker_workers WHERE worker_id = $1', [this.worker]);
    await this.client.end();
  }

  private cpuMs(): number {
    try {
      return Number(readFileSync(`/proc/${this.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
    } catch {
      return NaN;
    }
  }
}

/** How long the first claims of a session are left out: its caches and its plan are new. */
export const warmUp = (times: number): number => (times > 20 ? 10 : 1);

/** One claim here and one in the control, in turns, so that whatever else the machine does hits both. */
export async function claimsInTurns(
  sessions: { measured: ClaimSession; control: ClaimSession },
  times: number,
): Promise<Record<'measured' | 'control', ClaimCost[]>> {
  const costs = { measured: [] as ClaimCost[], control: [] as ClaimCost[] };
  for (let turn = 0; turn < times; turn += 1) {
    const order = turn % 2 === 0 ? (['measured', 'control'] as const) : (['control', 'measured'] as const);
    for (const arm of order) costs[arm].push(await sessions[arm].claim());
  }
  return { measured: costs.measured.slice(warmUp(times)), control: costs.control.slice(warmUp(times)) };
}

export const medianOf = (costs: readonly ClaimCost[], of: keyof ClaimCost): number =>
  median(costs.map((cost) => cost[of]));
