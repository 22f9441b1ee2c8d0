import { examine } from '../../src/db/doctor/examine.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { amcheck } from './amcheck.ts';
import { HANDLER_FAULTS } from './behaviours.ts';
import type { Exit } from './fleet.ts';
import type { LedgerLine } from './ledger.ts';
import type { Acknowledged } from './load.ts';
import { type Query, type Replay, replayAll } from './reference/dump.ts';

/** Something that must not be. */
export interface Violation {
  kind: string;
  detail: string;
}

export interface AttemptRow {
  task: string;
  step: string;
  attempt: number;
  cause: string;
}

/** Everything that must hold when a run has healed, from the engine's tables and from the ledger. */
export async function audit(options: {
  url: string;
  acknowledged: readonly Acknowledged[];
  ledger: readonly LedgerLine[];
  exits: readonly Exit[];
}): Promise<{
  violations: Violation[];
  steps: number;
  tasks: number;
  replayed: Omit<Replay, 'differences'>;
  amcheck: string;
}> {
  const db = openDatabase({ url: options.url, applicationName: 'chaos audit', poolSize: 2 });
  try {
    const findings = await examine(db);
    const violations = findings.map(({ id, violations: count, examples }) => ({
      kind: `doctor ${id}`,
      detail: `${count} rows, such as ${JSON.stringify(examples[0])}`,
    }));
    violations.push(
      ...(await taskViolations(db, options.acknowledged)),
      ...(await claimViolations(db)),
      ...(await ledgerViolations(db, options.ledger)),
      ...exitViolations(options.exits, options.ledger),
    );
    const { differences, ...replayed } = await replayOf(db);
    violations.push(...differences.map(({ kind, detail }) => ({ kind: `replay ${kind}`, detail })));
    const pages = await amcheck((text, values) => rows(db, text, values));
    violations.push(...pages.violations);
    const [count] = await rows<{ steps: number; tasks: number }>(
      db,
      `SELECT (SELECT count(*)::integer FROM tasker.tasker_workflow_steps WHERE state = 'complete') AS steps,
        (SELECT count(*)::integer FROM tasker.tasker_tasks) AS tasks`,
    );
    return { violations, steps: count?.steps ?? 0, tasks: count?.tasks ?? 0, replayed, amcheck: pages.looked };
  } finally {
    await db.close();
  }
}

/** Every history once more, by a model that shares nothing with the engine and the doctor. */
async function replayOf(db: Database): Promise<Replay> {
  const client = await db.pool.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const query: Query = async <Row extends object>(text: string, values?: unknown[]) =>
      (await client.query<Row>(text, values)).rows;
    return await replayAll(query);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** What was acknowledged is there, and ended as it should. */
async function taskViolations(db: Database, acknowledged: readonly Acknowledged[]): Promise<Violation[]> {
  const states = new Map(
    (await rows<{ task_id: string; state: string }>(db, 'SELECT task_id, state FROM tasker.tasker_tasks')).map(
      (row) => [row.task_id, row.state],
    ),
  );
  const errors = new Map(
    (
      await rows<{ task_id: string; error: string }>(
        db,
        `SELECT DISTINCT ON (task_id) task_id, coalesce(metadata -> 'error' ->> 'name', 'none') AS error
         FROM tasker.tasker_workflow_step_transitions WHERE to_state = 'error' AND most_recent ORDER BY task_id, created_at DESC`,
      )
    ).map((row) => [row.task_id, row.error]),
  );
  const violations: Violation[] = [];
  if (new Set(acknowledged.map(({ taskId }) => taskId)).size !== acknowledged.length) {
    violations.push({ kind: 'merged', detail: 'two submits of different identity were answered with one task' });
  }
  if (states.size !== acknowledged.length) {
    violations.push({ kind: 'doubled', detail: `${acknowledged.length} submits made ${states.size} tasks` });
  }
  const wrong = acknowledged.flatMap(({ taskId, ends, fault, step }): Violation[] => {
    const what = `task ${taskId} (${fault === undefined ? 'no fault of its own' : `${fault} in ${step}`})`;
    const state = states.get(taskId);
    if (state === undefined) return [{ kind: 'lost', detail: `${what} was acknowledged and is not there` }];
    if (state !== ends) return [{ kind: 'wrong end', detail: `${what} is ${state}, not ${ends}` }];
    const wanted =
      fault === undefined || ends === 'complete' ? undefined : (HANDLER_FAULTS[fault] as { error?: string }).error;
    if (wanted !== undefined && errors.get(taskId) !== wanted) {
      return [{ kind: 'wrong error', detail: `${what} ended with ${errors.get(taskId)}, not ${wanted}` }];
    }
    return [];
  });
  return [...violations, ...wrong];
}

/** A fleet that has drained holds nothing. */
async function claimViolations(db: Database): Promise<Violation[]> {
  const held = await rows<{ task_id: string; workflow_step_id: string }>(
    db,
    'SELECT task_id, workflow_step_id FROM tasker.tasker_workflow_steps WHERE in_process LIMIT 20',
  );
  return held.map((row) => ({
    kind: 'held after the drain',
    detail: `step ${row.workflow_step_id} of task ${row.task_id}`,
  }));
}

/** Every complete step had the effect that its result names, and no two attempts that counted overlap. */
async function ledgerViolations(db: Database, ledger: readonly LedgerLine[]): Promise<Violation[]> {
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
    // An attempt's number: claims up to here, less those that were given back.
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
      // It ran at least until it began.
      before = { key: stepKey, end: (attempts[0] as LedgerLine).at };
    }
  }
  return violations;
}

/** Until its code is loaded a process does not hear SIGTERM; it holds nothing then. */
const LOADING_MS = 20_000;

/** A process ends when it is killed, when it is told to, or when its own handler ends it. */
function exitViolations(exits: readonly Exit[], ledger: readonly LedgerLine[]): Violation[] {
  const lethal = new Set(
    ledger.flatMap(({ pid, fault }) =>
      fault !== undefined && 'lethal' in HANDLER_FAULTS[fault as keyof typeof HANDLER_FAULTS] ? [pid] : [],
    ),
  );
  return exits.flatMap(({ member: { role, pid, expected, startedAt }, at, code, signal }): Violation[] => {
    if (expected === 'killed' || lethal.has(pid)) return [];
    const detail = `${role} ${pid} ended with ${signal ?? code}`;
    if (expected === undefined) return [{ kind: 'process ended by itself', detail }];
    return code === 0 || (signal === 'SIGTERM' && at - startedAt < LOADING_MS)
      ? []
      : [{ kind: 'drain failed', detail }];
  });
}

function keyOf({ task, step, attempt }: { task: string; step: string; attempt: number }): string {
  return `${task} ${step} ${attempt}`;
}

async function rows<Row extends object>(db: Database, text: string, values?: unknown[]): Promise<Row[]> {
  return (await db.pool.query<Row & Record<string, unknown>>(text, values)).rows;
}
