import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { queryOnce } from './admin.ts';

/**
 * Without faults some task ends within this time even on a slow machine; otherwise the rest can never end. With thirty processes for two cores
 * the start of one for quarantined steps took 109 s.
 */
const STANDSTILL_MS = 240_000;
/** Recovery cannot find a claim without a row in tasker_claims. One that is seen for longer than any attempt lasts is lost. */
const UNRECORDED_MS = 25_000;
const POLL_MS = 200;

interface Left {
  open: number;
  example: string | null;
  /** A claimed step whose claim the table of claims does not have. */
  unrecorded: string | null;
}

/** Waits until every task has ended; returns a description of what is left if that does not happen. */
export async function heal(url: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url, application_name: 'chaos' });
  await client.connect();
  try {
    let fewest = Infinity;
    let progressAt = Date.now();
    let unrecorded: { claim: string | null; since: number } = { claim: null, since: 0 };
    for (;;) {
      const { rows } = await client.query<Left>(
        `SELECT count(*)::integer AS open, min(task_id)::text AS example,
           (SELECT min(s.claim_id::text) FROM tasker.tasker_workflow_steps s
            WHERE s.in_process AND NOT EXISTS (SELECT FROM tasker.tasker_claims c WHERE c.claim_id = s.claim_id)) AS unrecorded
         FROM tasker.tasker_tasks WHERE state IN ('pending', 'in_progress')`,
      );
      const left = rows[0] as Left;
      if (left.open === 0) return undefined;
      if (left.open < fewest) {
        fewest = left.open;
        progressAt = Date.now();
      }
      if (left.unrecorded !== unrecorded.claim) unrecorded = { claim: left.unrecorded, since: Date.now() };
      if (unrecorded.claim !== null && Date.now() - unrecorded.since > UNRECORDED_MS) {
        return `claim ${unrecorded.claim} has steps and no row in tasker_claims: recovery cannot find them (${left.open} tasks are open, such as ${left.example})`;
      }
      if (Date.now() - progressAt > STANDSTILL_MS) {
        return `${left.open} tasks are open and none has ended for ${STANDSTILL_MS / 1000} s, such as ${left.example}`;
      }
      await sleep(POLL_MS);
    }
  } finally {
    await client.end();
  }
}

const JOINED = 'SELECT count(*)::integer AS joined FROM tasker.tasker_workers';

/** Waits until this many processes have registered, because earlier faults would hit none; gives up on a machine that is too slow. */
export async function untilJoined(url: string, processes: number): Promise<void> {
  const deadline = Date.now() + STANDSTILL_MS;
  for (;;) {
    // While a whole fleet starts, a connection may take longer than the harness waits for one.
    const [row] = await queryOnce(url, JOINED).catch(() => []);
    if (Number(row?.['joined'] ?? 0) >= processes || Date.now() > deadline) return;
    await sleep(POLL_MS);
  }
}
