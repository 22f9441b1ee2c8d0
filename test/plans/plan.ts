import pg, { type Client, type Pool } from 'pg';
import { HOT_PATH } from '../../src/db/connections/session-settings.ts';
import type { Statement } from '../../src/db/statement.ts';
import { rangeColumns, WHOLE_QUEUE } from '../../src/db/statements/claims/ready-ranges.ts';
import { LEAST_URGENT } from '../../src/workflow/priority.ts';
import { releaseSteps } from '../../src/db/statements/steps/release-steps.ts';
import { attemptRow, type StepClaim } from '../../src/engine/claim.ts';

const CLAIM = '00000000-0000-4000-8000-000000000001';

/** The parameters of a claim in the queue `default`, as a worker sends them that has claimed before at one priority. */
export const claimValues = (worker: string, workflow: number): unknown[] => [
  CLAIM,
  worker,
  'default',
  [workflow],
  [],
  ...rangeColumns([
    { fromPriority: -32_768, fromReadyUs: undefined, toPriority: -1 },
    { fromPriority: 0, fromReadyUs: 1_700_000_000_000_000, toPriority: 0 },
    { fromPriority: 1, fromReadyUs: undefined, toPriority: LEAST_URGENT },
  ]),
];

/** The parameters of a completion that may claim up to `claimLimit` children in the queue `default`. */
export const completeValues = (
  held: readonly StepClaim[],
  {
    worker,
    workflow,
    claimLimit,
    byQueue = false,
  }: { worker: string; workflow: number; claimLimit: number; byQueue?: boolean },
): unknown[] => [
  ...keys(held),
  held.map(() => '1'),
  CLAIM,
  worker,
  claimLimit,
  ['default'],
  [workflow],
  [],
  ['default'],
  ...rangeColumns(WHOLE_QUEUE),
  byQueue ? [LEAST_URGENT] : LEAST_URGENT,
];

/** Task ids, step ids and claim ids: how statements name the attempts that they are about. */
export const keys = (held: readonly StepClaim[]): unknown[] => [
  held.map((step) => step.taskId),
  held.map((step) => step.stepId),
  held.map((step) => step.claimId),
];

/** The parameters with which these attempts are given back. */
export const releaseValues = (held: readonly StepClaim[], worker: string): readonly unknown[] =>
  releaseSteps.values({ steps: held.map(attemptRow), worker_id: worker });

/** The parameters with which these attempts fail and are due again. */
export const failValues = (held: readonly StepClaim[], worker: string): unknown[] => [
  ...keys(held),
  held.map(() => false),
  held.map(() => null),
  held.map(() => 30),
  held.map(() => 'fail'),
  held.map(() => '{"error": {"name": "Error", "message": "planned"}}'),
  worker,
  1,
  held.map(() => 2),
];

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  Plans?: PlanNode[];
}

export interface Plan {
  /** Index scans, as `index on table`. */
  indexes: Set<string>;
  /** Tables that are read as a whole. */
  sequential: Set<string>;
  nodeTypes: Set<string>;
  /** Pages touched, in memory or not. */
  buffers: number;
}

/** Executes a statement in a transaction that is rolled back and answers how PostgreSQL ran it: with the plan that a worker's sessions get. */
export async function planOf(
  pool: Pick<Pool, 'connect'>,
  statement: Pick<Statement, 'text'>,
  values: readonly unknown[],
  options: { worker?: boolean } = {},
): Promise<Plan> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    if (options.worker === true) {
      for (const { name, value } of HOT_PATH) {
        await client.query(`SELECT set_config($1, $2, true)`, [name, value]);
      }
    }
    return await explain(client, statement.text, [...values]);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/**
 * The same for a statement that this session has prepared under its name: with the plan that it keeps, however old. Array
 * elements must be plain: numbers, uuids, words, JSON.
 */
export async function keptPlanOf(
  client: Client,
  statement: Pick<Statement, 'name'>,
  values: readonly unknown[],
): Promise<Plan> {
  await client.query('BEGIN');
  try {
    const given = values.length === 0 ? '' : `(${values.map(literal).join(', ')})`;
    return await explain(client, `EXECUTE ${statement.name} ${given}`);
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
    buffers: (root['Shared Hit Blocks'] ?? 0) + (root['Shared Read Blocks'] ?? 0),
  };
  collect(root, plan);
  return plan;
}

function collect(node: PlanNode, plan: Plan): void {
  plan.nodeTypes.add(node['Node Type']);
  if (node['Node Type'] === 'Seq Scan') plan.sequential.add(node['Relation Name'] as string);
  if (node['Index Name'] !== undefined) plan.indexes.add(node['Index Name']);
  for (const child of node.Plans ?? []) collect(child, plan);
}
