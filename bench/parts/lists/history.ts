/** A history for lists: years of a fleet with many workflows, tenants and people, made by INSERT ... SELECT. */
import { openDatabase } from '../../../src/db/connections/database.ts';
import { enterDirectoryOnce } from '../../../src/engine/enter-directory.ts';
import { createClient, defineWorkflow, type WorkflowDefinition } from '../../../src/index.ts';
import type { BenchDatabase } from '../../support/server.ts';

const NAMESPACE = 'lists';
/** A few workflows have most of the tasks, as in real fleets. */
const USUAL = 27;
/** One task in 20,000, whenever. */
export const RARE_WORKFLOW = 'w28';
/** Only among the oldest fiftieth of the tasks, and there a sixth of them. */
export const OLD_WORKFLOW = 'w29';
/** Only among the newest hundredth. */
export const NEW_WORKFLOW = 'w30';
export const workflowName = (n: number): string => `w${String(n).padStart(2, '0')}`;
const WORKFLOWS: readonly WorkflowDefinition[] = Array.from({ length: USUAL + 3 }, (_, index) =>
  defineWorkflow({ namespace: NAMESPACE, name: workflowName(index + 1), version: '1.0.0' }).step('only', () => null),
);

/** Larger batches are no faster. */
const BATCH = 200_000;
/** Indexes of which a load writes entries at random places: made afterwards, as a backup's restore makes them. */
const MADE_AFTERWARDS = ['index_tasks_on_identity_hash', 'tasks_by_tag', 'tasks_by_initiator'];

/** A number below `below` that depends only on the task and `seed`. */
const roll = (seed: number, below: number): string => `((hashint8extended(i.id, ${seed}) & 2147483647) % ${below})`;

/**
 * $1 first id, $2 last id, $3 number of all tasks, $4 ids of the workflows, $5 how many of a million are in error. `old`: how far from the newest task, from 0 to 1.
 * `big` and `small` are the same die, so that a share is a range of it.
 */
const TASKS = `
WITH dice AS MATERIALIZED (
  SELECT i.id, 1 - i.id::float8 / $3::bigint AS old,
    statement_timestamp() - interval '1 year' * (1 - i.id::float8 / $3::bigint) AS requested_at,
    ${roll(1, 1_000_000)} AS state, ${roll(2, 1_000_000)} AS tag, ${roll(3, 1_000_000)} AS who, ${roll(4, 1_000_000)} AS flow,
    ${roll(5, 1_000_000)} AS any_number
  FROM generate_series($1::bigint, $2::bigint) AS i (id)
), chosen AS MATERIALIZED (
  SELECT d.*,
    CASE
      WHEN d.flow < 50 THEN ${USUAL + 1}
      WHEN d.old > 0.98 AND d.flow < 150000 THEN ${USUAL + 2}
      WHEN d.old < 0.01 AND d.flow < 150000 THEN ${USUAL + 3}
      ELSE 1 + floor(${USUAL} * power(d.any_number / 1e6, 2))::integer
    END AS flow_number,
    CASE
      WHEN d.state >= 1000000 - $5::integer THEN 'error'
      WHEN d.state < 4000 THEN 'cancelled'
      WHEN d.state < 5000 THEN 'resolved_manually'
      WHEN d.old < 0.001 AND d.state < 300000 THEN 'pending'
      WHEN d.old < 0.01 AND d.state < 20000 THEN 'in_progress'
      ELSE 'complete'
    END AS state_name
  FROM dice d
)
INSERT INTO tasker.tasker_tasks
  (task_id, named_task_id, context, identity_hash, requested_at, state, complete, completed_at, sort_key, unfinished_sinks,
   initiator, schedule, source_system, tags)
SELECT c.id, ($4::integer[])[c.flow_number],
  jsonb_build_object('order', 'order-' || c.id, 'customer', c.any_number, 'lines', jsonb_build_array(
    jsonb_build_object('sku', 'A-' || c.tag, 'amount', c.who % 7), jsonb_build_object('sku', 'B-' || c.flow, 'amount', 1))),
  encode(sha256(convert_to(format('["caller_key","${NAMESPACE}","w%s","order-%s"]', lpad(c.flow_number::text, 2, '0'), c.id), 'UTF8')), 'hex'),
  c.requested_at, c.state_name, c.state_name IN ('complete', 'resolved_manually'),
  CASE WHEN c.state_name IN ('complete', 'resolved_manually', 'cancelled') THEN c.requested_at + interval '5 minutes' END,
  CASE c.state_name WHEN 'pending' THEN 0 WHEN 'in_progress' THEN 1 WHEN 'resolved_manually' THEN 3 ELSE 2 END,
  CASE WHEN c.state_name IN ('complete', 'resolved_manually') THEN 0 ELSE 1 END,
  CASE
    WHEN c.who < 2 THEN 'root'
    WHEN c.who < 20000 THEN 'schedule:nightly-' || c.who % 20
    WHEN c.who < 220000 THEN 'api'
    WHEN c.who < 300000 THEN 'user-' || c.who % 1000
  END,
  CASE WHEN c.who BETWEEN 2 AND 19999 THEN
    jsonb_build_object('name', 'nightly-' || c.who % 20, 'scheduled_at', c.requested_at, 'made_up', false) END,
  'shop',
  CASE
    WHEN c.old > 0.95 THEN '["migrated"]'::jsonb
    WHEN c.tag < 5 THEN '["audit"]'::jsonb
    WHEN c.tag < 10000 THEN '["vip"]'::jsonb
    WHEN c.tag < 200000 THEN jsonb_build_array('tenant-' || c.tag % 500, CASE WHEN c.tag % 2 = 0 THEN 'bulk' ELSE 'web' END)
  END
FROM chosen c`;

/** Which tasks have steps with a history: those that a list may look at, and a share of the others. $1, $2: ids. $3: thousandths. */
const DETAILED = `t.task_id BETWEEN $1::bigint AND $2::bigint AND (t.state <> 'complete' OR t.task_id % 1000 < $3::integer)`;

/** Steps of tasks in progress wait for a retry, those of tasks in error are blocked. */
const STEPS = `
INSERT INTO tasker.tasker_workflow_steps
  (task_id, workflow_step_id, named_step_id, named_task_id, retryable, retry_limit, ready_at, next_retry_at, backoff_request_seconds, blocked_at, state, processed, processed_at,
   attempts, last_attempted_at, results, sort_key)
SELECT t.task_id, t.task_id * 65536 + 1, n.named_step_id, t.named_task_id, t.state NOT IN ('error', 'resolved_manually'), n.default_retry_limit,
  CASE WHEN t.state = 'pending' THEN t.requested_at END,
  CASE WHEN t.state = 'in_progress' THEN statement_timestamp() + interval '10 days' END,
  CASE WHEN t.state = 'in_progress' THEN 20 * 86400 END,
  CASE WHEN t.state = 'error' THEN t.requested_at + interval '5 minutes' END,
  CASE t.state WHEN 'in_progress' THEN 'error' ELSE t.state END,
  t.state IN ('complete', 'resolved_manually'),
  CASE WHEN t.state IN ('complete', 'resolved_manually') THEN t.completed_at END,
  CASE t.state WHEN 'pending' THEN 0 WHEN 'cancelled' THEN 0 ELSE 1 END,
  CASE WHEN t.state NOT IN ('pending', 'cancelled') THEN t.requested_at + interval '4 minutes' END,
  CASE WHEN t.state IN ('complete', 'resolved_manually') THEN '{"ok": true}'::jsonb END,
  CASE t.state WHEN 'pending' THEN 0 WHEN 'cancelled' THEN 1 WHEN 'resolved_manually' THEN 3 ELSE 2 END
FROM tasker.tasker_tasks t
JOIN tasker.tasker_named_tasks_named_steps n ON n.named_task_id = t.named_task_id
WHERE ${DETAILED}`;

/** Of every thousandth failure the error names a host, for a search that finds little. */
const STEP_HISTORY = `
INSERT INTO tasker.tasker_workflow_step_transitions
  (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, metadata, claim_id, worker_id, created_at)
SELECT t.task_id, t.task_id * 65536 + 1, h.sort_key, h.from_state, h.to_state, h.last, h.cause,
  CASE WHEN h.cause = 'fail' THEN jsonb_build_object('error', jsonb_build_object('name', 'Error',
    'code', (ARRAY['ECONNRESET', 'ETIMEDOUT', 'CARD_DECLINED', 'E409'])[1 + t.task_id % 4],
    'fingerprint', left(md5((t.task_id % 40)::text), 12),
    'message', 'request to host-' || t.task_id % 1000 || '.example failed')) END,
  CASE WHEN h.cause IN ('claim', 'complete', 'fail') THEN md5(t.task_id::text)::uuid END,
  CASE WHEN h.cause IN ('claim', 'complete', 'fail') THEN 1 END,
  t.requested_at + interval '4 minutes' + h.sort_key * interval '20 seconds'
FROM tasker.tasker_tasks t
JOIN (VALUES
  ('complete', 1, 'pending', 'in_progress', false, 'claim'), ('complete', 2, 'in_progress', 'complete', true, 'complete'),
  ('in_progress', 1, 'pending', 'in_progress', false, 'claim'), ('in_progress', 2, 'in_progress', 'error', true, 'fail'),
  ('error', 1, 'pending', 'in_progress', false, 'claim'), ('error', 2, 'in_progress', 'error', true, 'fail'),
  ('resolved_manually', 1, 'pending', 'in_progress', false, 'claim'), ('resolved_manually', 2, 'in_progress', 'error', false, 'fail'),
  ('resolved_manually', 3, 'error', 'resolved_manually', true, 'operator_resolve'), ('cancelled', 1, 'pending', 'cancelled', true, 'cancel')
) AS h (state, sort_key, from_state, to_state, last, cause) ON h.state = t.state
WHERE ${DETAILED}`;

/** Of every task: lists go by it. $1, $2: ids. */
const TASK_HISTORY = `
INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause, created_at)
SELECT t.task_id, h.sort_key, h.from_state, h.to_state, h.last, h.cause,
  t.requested_at + interval '4 minutes' + h.sort_key * interval '20 seconds'
FROM tasker.tasker_tasks t
JOIN (VALUES
  ('complete', 1, 'pending', 'in_progress', false, 'claim'), ('complete', 2, 'in_progress', 'complete', true, 'complete'),
  ('in_progress', 1, 'pending', 'in_progress', true, 'claim'),
  ('error', 1, 'pending', 'in_progress', false, 'claim'), ('error', 2, 'in_progress', 'error', true, 'step_blocked'),
  ('resolved_manually', 1, 'pending', 'in_progress', false, 'claim'), ('resolved_manually', 2, 'in_progress', 'error', false, 'step_blocked'),
  ('resolved_manually', 3, 'error', 'resolved_manually', true, 'operator_resolve'),
  ('cancelled', 1, 'pending', 'in_progress', false, 'claim'), ('cancelled', 2, 'in_progress', 'cancelled', true, 'cancel')
) AS h (state, sort_key, from_state, to_state, last, cause) ON h.state = t.state
WHERE t.task_id BETWEEN $1::bigint AND $2::bigint`;

/**
 * `detailed`: how many of a thousand ended tasks have steps; no list reads those of complete tasks. `failing`: how many of a
 * million are in error.
 */
export async function loadHistory(
  db: BenchDatabase,
  { tasks, detailed, failing = 100 }: { tasks: number; detailed: number; failing?: number },
): Promise<void> {
  const client = createClient({ url: db.url, notify: false });
  const ids: number[] = [];
  for (const workflow of WORKFLOWS) ids.push(await client.register(workflow));
  await client.close();
  const indexes = await db.query<{ name: string; text: string }>(
    `SELECT indexname AS name, indexdef AS text FROM pg_indexes WHERE schemaname = 'tasker' AND indexname = ANY ($1)`,
    [MADE_AFTERWARDS],
  );
  for (const { name } of indexes) await db.query(`DROP INDEX tasker.${name}`);
  for (let first = 1; first <= tasks; first += BATCH) {
    const last = Math.min(tasks, first + BATCH - 1);
    await db.query(TASKS, [first, last, tasks, ids, failing]);
    for (const text of [STEPS, STEP_HISTORY]) await db.query(text, [first, last, detailed]);
    await db.query(TASK_HISTORY, [first, last]);
    if (last % 1_000_000 === 0) console.error(`  ${last.toLocaleString('en-US')} tasks`);
  }
  for (const { text } of indexes) await db.query(text);
  await db.query(`SELECT setval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id'), $1)`, [tasks]);
  await enableSearch(db.url);
  await enterDirectory(db.url);
  await db.query('VACUUM ANALYZE');
}

/** Of the most usual workflow. */
async function enableSearch(url: string): Promise<void> {
  const client = createClient({ url, notify: false });
  await client.search.enable({ namespace: NAMESPACE, workflow: workflowName(1) }, 'input.customer');
  await client.close();
}

/** The directory of tasks, as schedulers have it some minutes later. */
export async function enterDirectory(url: string): Promise<void> {
  const database = openDatabase({ url, poolSize: 1 });
  try {
    while ((await enterDirectoryOnce(database, { youngSeconds: 0 })).more) continue;
  } finally {
    await database.close();
  }
}
