import { beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import { CHECKS, examine, mendOf } from '../../src/db/doctor/examine.ts';
import { MENDS } from '../../src/db/doctor/mends/index.ts';
import { SEQUENCE_COLUMNS, UNREADABLE_TRACE } from '../../src/db/doctor/task-checks.ts';
import { defineStatement, type Statement } from '../../src/db/statement.ts';
import { sealActs } from '../../src/engine/audit.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { previewOperation } from '../../src/engine/operations/preview.ts';
import { startOperation } from '../../src/engine/operations/steer.ts';
import { recover } from '../../src/engine/recover.ts';
import { release } from '../../src/engine/release.ts';
import { releaseHeldStep } from '../../src/engine/release-held.ts';
import { finalizeUnfinalized } from '../../src/engine/finalize.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { resolveStep, resolveTask } from '../../src/engine/resolve.ts';
import { retry } from '../../src/engine/retry.ts';
import { readStoredContext } from '../../src/tracing/stored-context.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { workRound } from '../engine/operations-fixture.ts';
import { submit } from '../../src/engine/submit.ts';
import { first } from '../support/first.ts';

const engine = await useEngine();
const id = await engine.workflow(diamond);
const ids: Record<string, string> = {};

/** Tasks in every situation, made by the engine's own verbs. */
beforeAll(async () => {
  // The checks of live workers need one until the last test, however busy the machine is.
  const worker = await engine.worker(3600);
  ids['complete'] = await engine.submitOne(id);
  for (let steps = await worker.claim(); steps.length > 0; steps = await worker.claim()) await worker.complete(steps);
  ids['retried'] = await engine.submitOne(id);
  await worker.fail(first(await worker.claim()));
  await engine.test.query(
    'UPDATE tasker.tasker_workflow_steps SET next_retry_at = now() WHERE next_retry_at IS NOT NULL',
  );
  await enqueueDueRetries(engine.db);
  const released = await worker.claim();
  await release(engine.db, { workerId: worker.id, steps: released });
  const chained = await worker.complete(await worker.claim(), { claimLimit: 5 });
  await worker.complete(chained.claimed, { claimLimit: 5 }).then((next) => worker.complete(next.claimed));

  ids['error'] = await engine.submitOne(id);
  await worker.fail(first(await worker.claim()), { permanent: true });
  const resolved = await engine.submitOne(id);
  await worker.fail(first(await worker.claim()), { permanent: true });
  await resolveStep(engine.db, resolved, 'a');
  for (let steps = await worker.claim(); steps.length > 0; steps = await worker.claim()) await worker.complete(steps);
  const again = await engine.submitOne(id);
  await worker.fail(first(await worker.claim()), { permanent: true });
  await retry(engine.db, again);
  await cancel(engine.db, again);
  ids['cancelled'] = again;
  const resolvedTask = await engine.submitOne(id);
  await worker.fail(first(await worker.claim()), { permanent: true });
  await resolveTask(engine.db, resolvedTask);

  const reused = { namedTaskId: id, identityHash: 'reused', context: '{}' };
  ids['superseded'] = first(await submit(engine.db, [reused])).taskId;
  await worker.fail(first(await worker.claim()), { permanent: true });
  ids['successor'] = first(await submit(engine.db, [{ ...reused, reuse: 'afterFailure' }])).taskId;
  await cancel(engine.db, ids['successor']);

  const crashing = await engine.worker();
  const recovered = await engine.submitOne(id);
  await crashing.claim();
  await engine.test.query(
    `UPDATE tasker.tasker_workers SET lease_expires_at = now() - interval '1 s' WHERE worker_id = $1`,
    [crashing.id],
  );
  await recover(engine.db, { silentSeconds: 60 });
  ids['running'] = recovered;
  ids['recovered'] = recovered;
  await worker.claim();
  ids['waiting'] = await engine.submitOne(id);
  await worker.fail(first(await worker.claim()), { requested: 600 });
  ids['fresh'] = await engine.submitOne(id);
  await operate(await engine.submitOne(id));
  await sealActs(engine.db);
});

/** A bulk operation that is done. */
async function operate(taskId: string): Promise<void> {
  const previewed = await previewOperation(engine.db, {
    action: 'cancel',
    options: {},
    taskIds: [taskId],
    named: true,
    selection: { task_ids: 1 },
    by: 'test',
    pacePerSecond: 1000,
    canaryOf: () => 0,
    stopShare: undefined,
  });
  if (previewed.outcome === 'empty') throw new Error('the task is gone');
  await startOperation(engine.db, previewed.operation.operation_id, previewed.token, { by: 'test' });
  await workRound(engine);
}

const step = (task: string, ordinal: number) =>
  `task_id = ${ids[task]} AND workflow_step_id = ${ids[task]}::bigint * 65536 + ${ordinal}`;
const H = 'tasker.tasker_workflow_step_transitions';
const S = 'tasker.tasker_workflow_steps';
const T = 'tasker.tasker_tasks';
const TH = 'tasker.tasker_task_transitions';

/** A record of an object with one task; `members`: the bits of its ids. */
const storedRecord = (members: string): string =>
  `INSERT INTO tasker.tasker_archives (state, object, stored_at, format, tasks, steps, edges, transitions, erased_tasks, lowest_task_id,
     highest_task_id, requested_since, requested_until, ended_until, bytes, sha256, members, keys)
   VALUES ('stored', 'x', now(), 1, 1, 4, 4, 10, 0, ${ids['complete']}, ${ids['complete']}, now(), now(), now(), 1, '', ${members},
     '\\x0000000000000000')`;

/** One corruption for each check. */
const CORRUPTIONS: Record<string, () => string> = {
  step_one_most_recent: () => `UPDATE ${H} SET most_recent = true WHERE ${step('complete', 1)}`,
  step_most_recent_is_last: () => `UPDATE ${H} SET most_recent = (sort_key = 1) WHERE ${step('complete', 1)}`,
  step_sort_keys_gapless: () => `UPDATE ${H} SET sort_key = sort_key + 1 WHERE ${step('complete', 1)} AND sort_key = 2`,
  step_chain: () => `UPDATE ${H} SET from_state = 'error' WHERE ${step('complete', 1)} AND sort_key = 2`,
  step_legal_transitions: () => `UPDATE ${H} SET cause = 'retry_due' WHERE ${step('complete', 1)} AND sort_key = 2`,
  step_final_states_stay: () =>
    `INSERT INTO ${H} (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause)
     SELECT task_id, workflow_step_id, 3, 'complete', 'pending', false, 'retry_due' FROM ${S} WHERE ${step('complete', 1)}`,
  step_times_in_order: () =>
    `UPDATE ${H} SET created_at = created_at - interval '1 h' WHERE ${step('complete', 1)} AND sort_key = 2`,
  step_mirror: () =>
    `UPDATE ${S} SET state = 'error', blocked_at = now(), processed = false WHERE ${step('complete', 1)}`,
  step_history_without_row: () => `DELETE FROM ${S} WHERE ${step('complete', 4)}`,
  task_one_most_recent: () => `UPDATE ${TH} SET most_recent = true WHERE task_id = ${ids['complete']}`,
  task_most_recent_is_last: () => `UPDATE ${TH} SET most_recent = (sort_key = 1) WHERE task_id = ${ids['complete']}`,
  task_sort_keys_gapless: () => `UPDATE ${TH} SET sort_key = 5 WHERE task_id = ${ids['complete']} AND sort_key = 2`,
  task_chain: () => `UPDATE ${TH} SET from_state = 'error' WHERE task_id = ${ids['complete']} AND sort_key = 2`,
  task_legal_transitions: () => `UPDATE ${TH} SET cause = 'cancel' WHERE task_id = ${ids['complete']} AND sort_key = 2`,
  task_final_states_stay: () =>
    `INSERT INTO ${TH} (task_id, sort_key, from_state, to_state, most_recent, cause)
     VALUES (${ids['complete']}, 3, 'complete', 'in_progress', false, 'operator_retry')`,
  task_times_in_order: () =>
    `UPDATE ${TH} SET created_at = created_at - interval '1 h' WHERE task_id = ${ids['complete']} AND sort_key = 2`,
  task_mirror: () => `UPDATE ${T} SET sort_key = 7 WHERE task_id = ${ids['complete']}`,
  task_history_without_row: () => `DELETE FROM ${T} WHERE task_id = ${ids['complete']}`,
  step_claim_columns: () => `UPDATE ${S} SET claim_id = NULL WHERE ${step('running', 1)}`,
  step_processed: () => `UPDATE ${S} SET processed = false WHERE ${step('complete', 1)}`,
  step_ready_is_claimable: () => `UPDATE ${S} SET ready_at = now() WHERE ${step('fresh', 4)}`,
  step_no_lost_wake_up: () => `UPDATE ${S} SET ready_at = NULL WHERE ${step('fresh', 1)}`,
  step_error_has_a_future: () => `UPDATE ${S} SET next_retry_at = NULL WHERE ${step('waiting', 1)}`,
  step_attempts_match_history: () => `UPDATE ${S} SET attempts = 2 WHERE ${step('complete', 1)}`,
  step_attempts_within_limit: () => `UPDATE ${S} SET retry_limit = 0 WHERE ${step('complete', 1)}`,
  step_one_attempt_per_claim: () =>
    `UPDATE ${H} t SET claim_id = (SELECT claim_id FROM ${H} WHERE ${step('retried', 1)} AND sort_key = 1) WHERE ${step('retried', 1)} AND to_state = 'in_progress'`,
  step_outcome_by_its_claim: () =>
    `UPDATE ${H} SET claim_id = gen_random_uuid() WHERE ${step('complete', 1)} AND sort_key = 2`,
  step_completes_once: () =>
    `INSERT INTO ${H} (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause)
     SELECT task_id, workflow_step_id, 3, 'in_progress', 'complete', false, 'complete' FROM ${S} WHERE ${step('complete', 1)}`,
  claim_has_an_owner: () => `UPDATE ${H} SET worker_id = NULL WHERE ${step('complete', 1)} AND cause = 'claim'`,
  claim_of_one_worker: () =>
    `UPDATE ${H} SET claim_id = (SELECT claim_id FROM ${S} WHERE ${step('running', 1)}) WHERE ${step('recovered', 1)} AND sort_key = 1`,
  claim_by_a_living_worker: () =>
    `UPDATE tasker.tasker_workers SET stopped_at = now() - interval '1 h' WHERE worker_id = (SELECT worker_id FROM ${H} WHERE ${step('complete', 1)} AND cause = 'claim')`,
  claim_record_in_use: () =>
    `INSERT INTO tasker.tasker_claims (claim_id, worker_id, task_ids, workflow_step_ids, created_at)
     VALUES (gen_random_uuid(), 1, ARRAY[${ids['complete']}], ARRAY[${ids['complete']}::bigint * 65536 + 1], now() - interval '1 h')`,
  step_pardons_bounded: () =>
    `INSERT INTO ${H} (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, metadata)
     SELECT s.task_id, s.workflow_step_id, n, 'in_progress', 'pending', false, 'lease_expired', '{"pardoned": true}' FROM ${S} s, generate_series(50, 52) n WHERE ${step('fresh', 1)}`,
  step_quarantined_for_cause: () => `UPDATE ${S} SET queue = 'default~quarantine' WHERE ${step('running', 1)}`,
  step_runs_once_if_it_says_so: () => `UPDATE ${S} SET retryable = false WHERE ${step('retried', 1)}`,
  step_backoff_in_range: () =>
    `UPDATE ${S} SET next_retry_at = next_retry_at + interval '1 h' WHERE ${step('waiting', 1)}`,
  step_error_has_a_reason: () => `UPDATE ${H} SET metadata = '{}' WHERE ${step('waiting', 1)} AND to_state = 'error'`,
  step_unmet_parents_count: () => `UPDATE ${S} SET unmet_parents = 1 WHERE ${step('fresh', 4)}`,
  step_children_are_edges: () => `UPDATE ${S} SET children = children[1:1] WHERE ${step('fresh', 1)}`,
  step_after_its_parents: () => `UPDATE ${H} SET created_at = created_at - interval '1 h' WHERE ${step('complete', 4)}`,
  step_name_once: () =>
    `UPDATE ${S} SET named_step_id = (SELECT min(named_step_id) FROM ${S}) WHERE task_id = ${ids['fresh']}`,
  edges_go_forward: () =>
    `INSERT INTO tasker.tasker_workflow_step_edges (task_id, from_step_id, to_step_id)
     SELECT task_id, to_step_id, from_step_id FROM tasker.tasker_workflow_step_edges WHERE task_id = ${ids['fresh']}`,
  task_complete_flag: () => `UPDATE ${T} SET complete = false WHERE task_id = ${ids['complete']}`,
  task_complete_means_all_steps_done: () =>
    `UPDATE ${S} SET state = 'pending', processed = false WHERE ${step('complete', 4)}`,
  task_all_steps_done_means_complete: () =>
    `UPDATE ${T} SET state = 'in_progress', complete = false WHERE task_id = ${ids['complete']}`,
  task_unfinished_sinks: () => `UPDATE ${T} SET unfinished_sinks = 2 WHERE task_id = ${ids['fresh']}`,
  task_error_means_stuck: () => `UPDATE ${S} SET ready_at = now() WHERE ${step('error', 4)}`,
  task_in_progress_can_go_on: () =>
    `UPDATE ${S} SET state = 'error', in_process = false, claim_id = NULL, claimed_by = NULL, blocked_at = now() - interval '1 h' WHERE ${step('running', 1)}`,
  task_pending_means_untouched: () => `UPDATE ${T} SET state = 'pending' WHERE task_id = ${ids['running']}`,
  task_ended_means_no_open_steps: () => `UPDATE ${S} SET state = 'pending' WHERE ${step('cancelled', 4)}`,
  task_quiet_after_its_end: () => `UPDATE ${H} SET created_at = clock_timestamp() WHERE ${step('complete', 4)}`,
  task_has_steps: () => `DELETE FROM ${S} WHERE task_id = ${ids['complete']}`,
  occurrence_is_one_task: () =>
    `UPDATE ${T} SET schedule = '{"name": "nightly", "scheduled_at": "2026-01-01T00:00:00.000Z", "made_up": false}'
     WHERE task_id IN (${ids['fresh']}, ${ids['waiting']})`,
  trace_context_readable: () => `UPDATE ${T} SET trace_context = 'a place' WHERE task_id = ${ids['fresh']}`,
  registry_complete: () => `UPDATE ${S} SET named_task_id = 999999 WHERE task_id = ${ids['fresh']}`,
  workflow_served_by_its_workers: () =>
    `INSERT INTO tasker.tasker_worker_workflows (worker_id, namespace, name, version, problem)
     SELECT worker_id, 'n', 'w', '1.0.0', 'other steps' FROM tasker.tasker_workers WHERE stopped_at IS NULL`,
  step_cancelled_with_its_task: () => `UPDATE ${S} SET state = 'cancelled', ready_at = NULL WHERE ${step('fresh', 1)}`,
  claim_recorded: () => `DELETE FROM tasker.tasker_claims`,
  claim_of_a_living_worker: () =>
    `UPDATE tasker.tasker_workers SET stopped_at = now() - interval '1 h' WHERE worker_id = (SELECT claimed_by FROM ${S} WHERE ${step('running', 1)})`,
  // The next value of the sequence is then taken. This changes the row and not the sequence, because a setval would outlive the rollback.
  sequences_ahead: () =>
    `UPDATE ${T} SET task_id = (SELECT max(last_value) + 1000 FROM pg_sequences WHERE schemaname = 'tasker') WHERE task_id = ${ids['fresh']}`,
  identity_held_once: () =>
    `UPDATE tasker.tasker_identities SET task_id = ${ids['fresh']} WHERE task_id = ${ids['superseded']}`,
  identity_generations_recorded: () => `DELETE FROM tasker.tasker_identities`,
  // Counting has gone on for hours, and has nothing of these tasks.
  stats_hours_counted: () =>
    `UPDATE tasker.tasker_run_stats_progress SET counted_from = now() - interval '1 day', counted_until = now() + interval '2 h'`,
  stats_open_tasks_listed: () =>
    `UPDATE tasker.tasker_run_stats_progress SET counted_until = now(), listed_up_to = ${ids['fresh']}`,
  removed_as_a_whole: () => `DELETE FROM ${T} WHERE task_id = ${ids['cancelled']}`,
  retention_visits_every_task: () => `UPDATE tasker.tasker_retention SET settled_up_to = ${ids['fresh']}`,
  directory_has_every_task: () => `UPDATE tasker.tasker_directory SET entered_up_to = ${ids['fresh']}`,
  identity_first_task_kept: () => `UPDATE ${T} SET identity_hash = 'another' WHERE task_id = ${ids['superseded']}`,
  history_has_its_place: () =>
    `ALTER TABLE tasker.tasker_workflow_step_transitions DETACH PARTITION tasker.tasker_workflow_step_transitions_p2`,
  operation_counts_agree: () => `UPDATE tasker.tasker_operations SET done = 0, refused = 1`,
  operation_done_means_no_item_waits: () =>
    `UPDATE tasker.tasker_operation_items SET state = 'waiting', outcome = NULL, acted_at = NULL`,
  operation_items_have_operation: () =>
    `INSERT INTO tasker.tasker_operation_items (operation_id, task_id, task_state, task_sort_key) VALUES (999, ${ids['complete']}, 'error', 1)`,
  operation_items_audited: () => `DELETE FROM tasker.tasker_audit WHERE details ? 'operation'`,
  audit_chain_unbroken: () => `UPDATE tasker.tasker_audit SET by = 'somebody else' WHERE position = 2`,
  archived_task_is_gone: () => storedRecord("'\\x01'"),
  archive_record_agrees: () => storedRecord("'\\x02'"),
  restored_task_has_a_record: () =>
    `INSERT INTO tasker.tasker_archive_restores (archive_id, task_id, keep_until) VALUES (999, ${ids['complete']}, now())`,
  schedulers_have_one_archive: () =>
    `INSERT INTO tasker.tasker_workers (role, name, version, lease_seconds, lease_expires_at, archive)
     VALUES ('scheduler', 'a', '1', 60, now() + interval '1 h', 'f00d'), ('scheduler', 'b', '1', 60, now() + interval '1 h', NULL)`,
  indexes_valid: () => `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tasker.steps_blocked'::regclass`,
};

const releaseAll = async (db: Database): Promise<void> => {
  for (const name of ['a', 'b', 'c', 'd']) await releaseHeldStep(db, ids['running'] as string, name);
};

/** The mends that are commands, as calls of the engine. */
const COMMANDS: Record<string, (db: Database) => Promise<unknown>> = {
  step_backoff_in_range: (db) => retry(db, ids['waiting'] as string, { steps: ['a'] }),
  task_in_progress_can_go_on: (db) => finalizeUnfinalized(db),
  // As its worker does when it registers a definition that matches.
  workflow_served_by_its_workers: (db) =>
    db.run(
      defineStatement()({
        name: 'registered',
        text: 'DELETE FROM tasker.tasker_worker_workflows WHERE problem IS NOT NULL',
      }),
    ),
  step_cancelled_with_its_task: async (db) => {
    for (const task of Object.values(ids)) await cancel(db, task);
    for (const task of Object.values(ids)) await resolveTask(db, task);
  },
  identity_held_once: (db) => cancel(db, ids['fresh'] as string),
  // As the one that is started again leaves the fleet.
  schedulers_have_one_archive: (db) =>
    db.run(
      defineStatement()({
        name: 'left',
        text: `UPDATE tasker.tasker_workers SET stopped_at = now() WHERE role = 'scheduler' AND archive IS NULL`,
      }),
    ),
  claim_recorded: releaseAll,
  claim_of_a_living_worker: releaseAll,
};

/**
 * Corrupts the data in a transaction that is rolled back, without the constraints that would refuse it, and then applies the mend.
 * Returns the findings before and after the mend.
 */
async function examineAfter(checkId: string, corruption: string): Promise<{ broken: string[]; mended: string[] }> {
  const client = await engine.test.pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ table: string; name: string; definition: string }>(
      `SELECT conrelid::regclass AS table, conname AS name, pg_get_constraintdef(oid) AS definition
       FROM pg_constraint
       WHERE contype = 'c' AND connamespace = 'tasker'::regnamespace`,
    );
    for (const { table, name } of rows) await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
    const { rowCount } = await client.query(corruption);
    if (!corruption.startsWith('ALTER')) expect(rowCount).toBeGreaterThan(0);
    const run = async (statement: Statement, ...given: []) =>
      (await client.query(statement.text, [...statement.values(...given)])).rows;
    const inTransaction = {
      schema: 'tasker',
      plans: 'free',
      run,
      transaction: (work: (tx: unknown) => Promise<unknown>) => work({ schema: 'tasker', plans: 'free', run }),
      pool: {
        connect: async () => ({
          query: (text: string) =>
            /^(BEGIN|ROLLBACK)/.test(text) ? Promise.resolve({ rows: [] }) : client.query(text),
          release: () => undefined,
        }),
      },
    } as unknown as Database;
    const broken = (await examine(inTransaction)).map((finding) => finding.id);
    const mend = mendOf(checkId, 'tasker');
    if ('command' in mend) await COMMANDS[checkId]?.(inTransaction);
    else await client.query(mend.sql.replace('CONCURRENTLY ', '').replace('<index>', 'steps_blocked'));
    // The mended rows must satisfy the constraints.
    for (const { definition, table, name } of rows)
      await client.query(`ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`);
    return { broken, mended: (await examine(inTransaction)).map((finding) => finding.id) };
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

describe('the doctor', () => {
  it('finds no violation in tasks of every kind', async () => {
    expect(await examine(engine.db)).toEqual([]);
  });

  it('reads a trace context as workers do', async () => {
    const [trace, span] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
    const good = `00-${trace}-${span}-01`;
    const state = (text: string): string => `${good} ${text}`;
    const readable = [good, state('a=1,b=2'), state('x'.repeat(512))];
    const texts = [
      ...readable,
      state('x'.repeat(513)),
      state(''),
      state('a=\n'),
      state('ä'),
      `${good}\n`,
      ` ${good}`,
      good.toUpperCase(),
      `01${good.slice(2)}`,
      `00-${'0'.repeat(32)}-${span}-01`,
      `00-${trace}-${'0'.repeat(16)}-01`,
      `00-${trace}0-${span}-01`,
      '',
      'junk',
    ];
    const unreadable = await engine.test.query<{ text: string }>(
      `SELECT t.trace_context AS text FROM unnest($1::text[]) WITH ORDINALITY t (trace_context, place) WHERE ${UNREADABLE_TRACE} ORDER BY place`,
      [texts],
    );
    expect(unreadable.map(({ text }) => text)).toEqual(texts.filter((text) => readStoredContext(text) === undefined));
    expect(unreadable).toHaveLength(texts.length - readable.length);
  });

  it('checks every column with a sequence, including the schema of cron, and returns the statement that mends a sequence', async () => {
    const columns = await engine.test.query<{ name: string }>(
      `SELECT c.relname || '.' || a.attname AS name
       FROM pg_class q
       JOIN pg_depend d ON d.objid = q.oid AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
       JOIN pg_class c ON c.oid = d.refobjid
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
       WHERE q.relkind = 'S' AND c.relnamespace::regnamespace::text LIKE 'tasker%' ORDER BY 1`,
    );
    // Random ids do not come from the sequence that serves processes of earlier versions.
    const sequences = columns.map(({ name }) => name).filter((name) => name !== 'tasker_workers.worker_id');
    expect(sequences).toEqual(SEQUENCE_COLUMNS.map((column) => column.join('.')).toSorted());

    const behind = `SELECT setval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id'), 1)`;
    await engine.test.query(behind);
    const [finding] = await examine(engine.db);
    expect(finding?.id).toBe('sequences_ahead');
    const mend = finding?.examples[0]?.['mend'] as string;
    expect(mend).toMatch(/^SELECT setval\('tasker\.tasker_tasks_task_id_seq', \d+\)$/);
    const workflow = await engine.workflow(diamond);
    await expect(engine.submitOne(workflow)).rejects.toThrow(/duplicate key/);
    await engine.test.query(mend);
    expect(await examine(engine.db)).toEqual([]);
    await engine.submitOne(workflow);
  });

  it('has a corruption in this test for every check', () => {
    expect(Object.keys(CORRUPTIONS).toSorted()).toEqual(CHECKS.map((check) => check.id).toSorted());
  });

  it('has a mend for every check', () => {
    expect(Object.keys(MENDS).toSorted()).toEqual(CHECKS.map((check) => check.id).toSorted());
  });

  it.each(CHECKS.map((check) => [check.id, check.title]))('%s: %s', async (checkId) => {
    const { broken, mended } = await examineAfter(checkId, (CORRUPTIONS[checkId] as () => string)());
    expect(broken).toContain(checkId);
    expect(mended).not.toContain(checkId);
    // The mend of one violation causes no other.
    expect(mended.filter((found) => !broken.includes(found))).toEqual([]);
  });
});
