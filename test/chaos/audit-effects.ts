import type { Database } from '../../src/db/connections/database.ts';
import type { Violation } from './audit.ts';
import type { LedgerLine } from './ledger.ts';
import { rows } from './rows.ts';

interface AttemptRow {
  task: string;
  step: string;
  attempt: number;
  cause: string;
}

/** Checks that every complete step had the effect that its result names, and that no two counted attempts overlap. */
export async function ledgerViolations(db: Database, ledger: readonly LedgerLine[]): Promise<Violation[]> {
  const violations: Violation[] = ledger
    .filter(({ kind }) => kind === 'polluted')
    .map(({ pid, task }) => ({ kind: 'polluted prototype', detail: `process ${pid}, found by task ${task}` }));
  const effects = new Map(
    ledger.flatMap((line) => (line.kind === 'effect' ? [[line.effect as string, line] as const] : [])),
  );
  const begins = new Map<string, LedgerLine[]>();
  for (const line of ledger) {
    if (line.kind === 'begin') begins.set(keyOf(line), [...(begins.get(keyOf(line)) ?? []), line]);
  }
  const ended = await rows<AttemptRow & { effect: string | null }>(
    db,
    // The number of an attempt: claims up to here, minus those that were released.
    `SELECT h.task_id AS task, n.name AS step, h.cause,
       (h.attempt)::integer AS attempt,
       CASE WHEN h.cause = 'complete' THEN s.results ->> 'effect' END AS effect
     FROM (
       SELECT t.task_id, t.workflow_step_id, t.cause,
         count(*) FILTER (WHERE t.cause = 'claim') OVER earlier - count(*) FILTER (WHERE t.cause = 'released') OVER earlier AS attempt
       FROM tasker.tasker_workflow_step_transitions t
       WINDOW earlier AS (PARTITION BY t.task_id, t.workflow_step_id ORDER BY t.sort_key)) h
     JOIN tasker.tasker_workflow_steps s USING (task_id, workflow_step_id)
     JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
     WHERE h.cause IN ('complete', 'fail', 'timeout')
     ORDER BY h.task_id, n.name, attempt`,
  );
  let before: { key: string; end: number } | undefined;
  for (const row of ended) {
    const stepKey = `${row.task} ${row.step}`;
    if (before?.key !== stepKey) before = undefined;
    const attempts = begins.get(keyOf(row)) ?? [];
    if (attempts.length === 0) {
      violations.push({ kind: 'end without a beginning', detail: `${stepKey} attempt ${row.attempt} (${row.cause})` });
      continue;
    }
    const effect = row.effect === null ? undefined : effects.get(row.effect);
    if (row.cause === 'complete') {
      if (
        effect === undefined ||
        effect.task !== row.task ||
        effect.step !== row.step ||
        effect.attempt !== row.attempt
      ) {
        violations.push({
          kind: 'complete without its effect',
          detail: `${stepKey} attempt ${row.attempt}, result names ${row.effect}`,
        });
        continue;
      }
      const begun = attempts.find(({ pid }) => pid === effect.pid) as LedgerLine;
      if (before !== undefined && begun.at < before.end) {
        violations.push({
          kind: 'overlap',
          detail: `${stepKey} attempt ${row.attempt} began before the attempt before it had failed`,
        });
      }
    } else if (attempts.length === 1) {
      // The attempt ran at least until it began.
      before = { key: stepKey, end: (attempts[0] as LedgerLine).at };
    }
  }
  return violations;
}

function keyOf({ task, step, attempt }: { task: string; step: string; attempt: number }): string {
  return `${task} ${step} ${attempt}`;
}
