import { examine } from '../../src/db/doctor/examine.ts';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import type { Explained, ShownPause } from './asked.ts';
import { askedViolations } from './audit-asked.ts';
import { amcheck } from './amcheck.ts';
import type { Bulk } from './bulk.ts';
import { bulkViolations } from './audit-bulk.ts';
import { type Paused, pauseViolations } from './pauser.ts';
import { type Brief, briefViolations } from './brief.ts';
import { archiveViolations } from './audit-archive.ts';
import { type Claiming, claimingOf } from './audit-claiming.ts';
import { ledgerViolations } from './audit-effects.ts';
import { exitViolations } from './audit-exits.ts';
import type { Exit } from './fleet.ts';
import { HANDLER_FAULTS } from './handler-faults.ts';
import { checkIdempotencyKeys } from './idempotency-keys.ts';
import type { LedgerLine, Stall } from './ledger.ts';
import type { Acknowledged } from './load.ts';
import type { Span } from './ready-spans.ts';
import { type Query, type Replay, replayAll } from './reference/dump.ts';
import { type Reuse, reuseViolations } from './reuse.ts';
import { rows } from './rows.ts';

/** A broken guarantee. */
export interface Violation {
  kind: string;
  detail: string;
}

/** Checks everything that must hold after a run has healed, by the engine's tables and by the ledger. */
export async function audit(options: {
  url: string;
  acknowledged: readonly Acknowledged[];
  reuse?: Pick<Reuse, 'acknowledged' | 'violations'>;
  brief?: Pick<Brief, 'acknowledged' | 'held'>;
  bulk?: Pick<Bulk, 'started' | 'bystanders' | 'violations'>;
  pauses?: readonly Paused[];
  /** The folder to which retention moved tasks. */
  archive?: string;
  ledger: readonly LedgerLine[];
  stalls?: readonly Stall[];
  exits: readonly Exit[];
  /** The times for which claiming is checked. */
  calm: readonly Span[];
  /** The times during which the database refused every login. */
  refused?: readonly Span[];
  asked?: { explained: readonly Explained[]; shown: readonly ShownPause[] };
}): Promise<{
  violations: Violation[];
  steps: number;
  tasks: number;
  /** Tasks that retention removed. */
  removed: number;
  replayed: Omit<Replay, 'differences'>;
  amcheck: string;
  claiming: Claiming;
}> {
  const db = openDatabase({ url: options.url, applicationName: 'chaos audit', poolSize: 2 });
  try {
    const findings = await examine(db);
    const violations = findings.map(({ id, violations: count, examples }) => ({
      kind: `doctor ${id}`,
      detail: `${count} rows, such as ${JSON.stringify(examples[0])}`,
    }));
    const retained =
      options.brief === undefined
        ? { violations: [], removed: 0, gone: [] }
        : await briefViolations(db, options.brief, options.ledger);
    violations.push(
      ...(await taskViolations(db, options.acknowledged)),
      ...(options.reuse === undefined ? [] : await reuseViolations(db, options.reuse)),
      ...retained.violations,
      ...(options.archive === undefined ? [] : await archiveViolations(db, options.archive, retained)),
      ...(options.bulk === undefined ? [] : await bulkViolations(db, options.bulk)),
      ...(await pauseViolations(db, options.pauses ?? [])),
      ...(await abandonedOutcomes(db, options.acknowledged)),
      ...(await claimViolations(db)),
      ...(await ledgerViolations(db, options.ledger)),
      ...checkIdempotencyKeys(options.ledger),
      ...(options.asked === undefined ? [] : await askedViolations(db, options.asked, options.pauses ?? [])),
      ...exitViolations(options.exits, options.ledger, options.refused ?? []),
    );
    const { violations: unfair, ...claiming } = await claimingOf(
      db,
      options.ledger,
      options.stalls ?? [],
      options.calm,
    );
    violations.push(...unfair);
    const { differences, ...replayed } = await replayOf(db);
    violations.push(...differences.map(({ kind, detail }) => ({ kind: `replay ${kind}`, detail })));
    const pages = await amcheck((text, values) => rows(db, text, values));
    violations.push(...pages.violations);
    const [count] = await rows<{ steps: number; tasks: number }>(
      db,
      `SELECT (SELECT count(*)::integer FROM tasker.tasker_workflow_steps WHERE state = 'complete') AS steps,
        (SELECT count(*)::integer FROM tasker.tasker_tasks) AS tasks`,
    );
    return {
      violations,
      steps: count?.steps ?? 0,
      tasks: count?.tasks ?? 0,
      removed: retained.removed,
      replayed,
      amcheck: pages.checked,
      claiming,
    };
  } finally {
    await db.close();
  }
}

/** Replays every history by a model that shares no code with the engine and the doctor. */
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

/** Checks that every acknowledged task exists and ended as expected. */
async function taskViolations(db: Database, acknowledged: readonly Acknowledged[]): Promise<Violation[]> {
  const states = new Map(
    (
      await rows<{ task_id: string; state: string }>(
        db,
        // Tasks of reused keys have checks of their own.
        `SELECT t.task_id, t.state FROM tasker.tasker_tasks t JOIN tasker.tasker_named_tasks k USING (named_task_id)
         WHERE k.name NOT IN ('chaos_again', 'chaos_brief', 'chaos_frail')`,
      )
    ).map((row) => [row.task_id, row.state]),
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

/** Checks that only outcomes that cannot be stored were given up, and none because the database refused it. */
async function abandonedOutcomes(db: Database, acknowledged: readonly Acknowledged[]): Promise<Violation[]> {
  const unstorable = new Set(
    acknowledged.flatMap(({ taskId, fault, step }) =>
      fault !== undefined && (HANDLER_FAULTS[fault] as { error?: string }).error === 'UnstorableResult'
        ? [`${taskId} ${step}`]
        : [],
    ),
  );
  const found = await rows<{ task: string; step: string; message: string }>(
    db,
    `SELECT t.task_id AS task, n.name AS step, coalesce(t.metadata -> 'error' ->> 'message', '') AS message
     FROM tasker.tasker_workflow_step_transitions t
     JOIN tasker.tasker_workflow_steps s USING (task_id, workflow_step_id)
     JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
     WHERE t.to_state = 'error' AND t.metadata -> 'error' ->> 'name' = 'UnstorableResult'`,
  );
  return found.flatMap(({ task, step, message }) =>
    unstorable.has(`${task} ${step}`) && !message.startsWith('the database refused')
      ? []
      : [{ kind: 'given up', detail: `step ${step} of task ${task}: ${message}` }],
  );
}

/** Checks that a drained fleet holds no steps. */
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
