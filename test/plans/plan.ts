import pg, { type Client, type Pool } from 'pg';
import { PINNED_PLANS } from '../../src/db/connections/session-settings.ts';
import type { AnyStatement, Statement } from '../../src/db/statement.ts';
import { rangeRow, WHOLE_QUEUE } from '../../src/db/statements/claims/ready-ranges.ts';
import { attemptRow, type StepClaim } from '../../src/engine/claim.ts';
import { taskRange } from '../../src/engine/lock-order.ts';
import { LEAST_URGENT } from '../../src/workflow/priority.ts';

const CLAIM = '00000000-0000-4000-8000-000000000001';

/** A statement with the values of its parameters. */
export interface Call extends AnyStatement {
  values: readonly unknown[];
}

export const call = <Given extends readonly unknown[]>(statement: Statement<object, Given>, ...given: Given): Call => ({
  name: statement.name,
  text: statement.text,
  values: statement.values(...given),
});

/** The attempts that a statement is about. */
export const attempts = (held: readonly StepClaim[]) => ({ steps: held.map(attemptRow) });

/** The same for a statement that changes their history. */
export const historyOf = (held: readonly StepClaim[]) => ({ ...attempts(held), ...taskRange(held) });

/** The parameters of a claim in the queue `default`, as a worker sends them that has claimed before at one priority. */
export const claiming = (worker: string, workflow: number) => ({
  claim_id: CLAIM,
  worker_id: worker,
  queue: 'default',
  named_task_ids: [workflow],
  closed_claims: [],
  ranges: [
    { fromPriority: -32_768, fromReadyUs: undefined, toPriority: -1 },
    { fromPriority: 0, fromReadyUs: 1_700_000_000_000_000, toPriority: 0 },
    { fromPriority: 1, fromReadyUs: undefined, toPriority: LEAST_URGENT },
  ].map(rangeRow),
  lowest_task: 0,
});

/** The parameters of a completion that may claim up to `claimLimit` children in the queue `default`. */
export const completing = (
  held: readonly StepClaim[],
  { worker, workflow, claimLimit }: { worker: string; workflow: number; claimLimit: number },
) => ({
  steps: held.map((step) => ({ ...attemptRow(step), results: '1' })),
  ...taskRange(held),
  claim_id: CLAIM,
  worker_id: worker,
  claim_limit: claimLimit,
  queues: ['default'],
  named_task_ids: [workflow],
  closed_claims: [],
  ranges: WHOLE_QUEUE.map((range) => ({ queue: 'default', ...rangeRow(range) })),
  least_urgent: LEAST_URGENT,
});

/** The parameters with which these attempts fail and are due again. */
export const failing = (held: readonly StepClaim[], worker: string) => ({
  steps: held.map((step) => ({
    ...attemptRow(step),
    permanent: false,
    requested_seconds: null,
    cap_seconds: 30,
    cause: 'fail',
    metadata: '{"error": {"name": "Error", "message": "planned"}}',
    initial_seconds: 2,
  })),
  ...taskRange(held),
  worker_id: worker,
  backoff_factor: 1,
});

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  'Actual Loops'?: number;
  Plans?: PlanNode[];
}

export interface Plan {
  /** Index scans, as `index on table`. */
  indexes: Set<string>;
  /** Tables that are read as a whole. */
  sequential: Set<string>;
  nodeTypes: Set<string>;
  /** Partitions that the plan has, and those of them that were scanned. */
  partitions: { planned: Set<string>; scanned: Set<string> };
  /** Pages touched, in memory or not. */
  buffers: number;
}

/** Executes a statement in a transaction that is rolled back and returns how PostgreSQL ran it. `worker`: with the plan that a worker's sessions get. `before`: after these statements. */
export async function planOf(
  pool: Pick<Pool, 'connect'>,
  { text, values }: Pick<Call, 'text' | 'values'>,
  options: { worker?: boolean; before?: readonly Call[] } = {},
): Promise<Plan> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    if (options.worker === true) {
      for (const { name, value } of PINNED_PLANS) {
        await client.query(`SELECT set_config($1, $2, true)`, [name, value]);
      }
    }
    for (const given of options.before ?? []) await client.query(given.text, [...given.values]);
    return await explain(client, text, [...values]);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/**
 * The same for a statement that this session has prepared under its name: with the plan that it keeps, however old. Array
 * elements must be plain: numbers, uuids, words, JSON.
 */
export async function keptPlanOf(client: Client, { name, values }: Pick<Call, 'name' | 'values'>): Promise<Plan> {
  await client.query('BEGIN');
  try {
    const given = values.length === 0 ? '' : `(${values.map(literal).join(', ')})`;
    return await explain(client, `EXECUTE ${name} ${given}`);
  } finally {
    await client.query('ROLLBACK');
  }
}

/** EXECUTE takes no parameters from outside. */
function literal(value: unknown): string {
  if (value === null) return 'NULL';
  if (!Array.isArray(value)) return pg.escapeLiteral(String(value));
  const elements = value.map((element) => (element === null ? 'NULL' : JSON.stringify(String(element))));
  return pg.escapeLiteral(`{${elements.join(',')}}`);
}

async function explain(client: Pick<Client, 'query'>, text: string, values?: unknown[]): Promise<Plan> {
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`,
    values,
  );
  const root = rows[0]?.['QUERY PLAN'][0].Plan as PlanNode;
  const plan: Plan = {
    indexes: new Set(),
    sequential: new Set(),
    nodeTypes: new Set(),
    partitions: { planned: new Set(), scanned: new Set() },
    buffers: (root['Shared Hit Blocks'] ?? 0) + (root['Shared Read Blocks'] ?? 0),
  };
  collect(root, plan);
  return plan;
}

function collect(node: PlanNode, plan: Plan): void {
  plan.nodeTypes.add(node['Node Type']);
  if (node['Node Type'] === 'Seq Scan') plan.sequential.add((node['Relation Name'] as string).replace(/_p\d+$/, ''));
  const relation = node['Relation Name'] ?? '';
  if (/_p\d+$/.test(relation) && node['Node Type'] !== 'ModifyTable') {
    plan.partitions.planned.add(relation);
    if ((node['Actual Loops'] ?? 0) > 0) plan.partitions.scanned.add(relation);
  }
  if (node['Index Name'] !== undefined) plan.indexes.add(node['Index Name']);
  for (const child of node.Plans ?? []) collect(child, plan);
}
