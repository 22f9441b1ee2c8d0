import { hostname } from 'node:os';
import pg from 'pg';

export interface Times {
  n: number;
  p50: number;
  p99: number;
  max: number;
}

export interface RecoveryTimes {
  /** From a SIGKILL of a process to the recovery of each step that it held, in seconds. */
  killToRecovered: Times;
  /** The same for steps during whose recovery the database was not down. */
  killToRecoveredUndisturbed: Times;
  /** From the moment at which the server could be used again to the next claim. */
  restartToClaim: Times;
}

/** Nearest rank. Seconds, of however many there are. */
export function summarize(seconds: readonly number[]): Times {
  const sorted = seconds.toSorted((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { n: sorted.length, p50: rank(0.5), p99: rank(0.99), max: sorted.at(-1) ?? 0 };
}

/**
 * When the process of this name, which joined at `sinceMs`, was killed before `ms`: in a long run the system reuses process ids, and not
 * every process that dies was killed.
 */
export function killBefore(
  kills: readonly { pid: number; at: number }[],
  name: string,
  ms: number,
  sinceMs: number,
): number | undefined {
  const before = kills
    .filter(({ pid, at }) => name === `${hostname()}:${pid}` && at >= sinceMs && at <= ms)
    .map(({ at }) => at);
  return before.length === 0 ? undefined : Math.max(...before);
}

/** Computed from the history, whose clock is that of the database and of this machine. */
export async function recoveryTimes(options: {
  url: string;
  kills: readonly { pid: number; at: number }[];
  restarts: readonly { crashedAt: number; readyAt: number }[];
}): Promise<RecoveryTimes> {
  const client = new pg.Client({ connectionString: options.url, application_name: 'chaos audit' });
  await client.connect();
  try {
    const { rows: recovered } = await client.query<{ name: string; joined: number; ms: number }>(
      `SELECT w.name, extract(epoch FROM w.started_at)::float8 * 1000 AS joined, extract(epoch FROM t.created_at)::float8 * 1000 AS ms
       FROM tasker.tasker_workflow_step_transitions t
       JOIN tasker.tasker_workers w ON w.worker_id = t.worker_id
       WHERE t.cause = 'lease_expired'`,
    );
    const all: number[] = [];
    const undisturbed: number[] = [];
    for (const { name, joined, ms } of recovered) {
      const at = killBefore(options.kills, name, ms, joined);
      if (at === undefined) continue;
      all.push((ms - at) / 1000);
      const down = options.restarts.some(({ crashedAt, readyAt }) => crashedAt < ms && readyAt > at - 1000);
      if (!down) undisturbed.push((ms - at) / 1000);
    }
    const claims: number[] = [];
    for (const { readyAt } of options.restarts) {
      const { rows } = await client.query<{ ms: number | null }>(
        `SELECT extract(epoch FROM min(created_at))::float8 * 1000 AS ms
         FROM tasker.tasker_workflow_step_transitions
         WHERE cause = 'claim' AND created_at > to_timestamp($1::float8 / 1000)`,
        [readyAt],
      );
      if (typeof rows[0]?.ms === 'number') claims.push((rows[0].ms - readyAt) / 1000);
    }
    return {
      killToRecovered: summarize(all),
      killToRecoveredUndisturbed: summarize(undisturbed),
      restartToClaim: summarize(claims),
    };
  } finally {
    await client.end();
  }
}
