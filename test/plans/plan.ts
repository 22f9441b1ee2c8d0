import type { Pool } from 'pg';
import { hotPathOptions } from '../../src/db/session-settings.ts';
import type { Statement } from '../../src/db/statement.ts';

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
      for (const [, name, value] of hotPathOptions.matchAll(/-c (\w+)=(\w+)/g)) {
        await client.query(`SELECT set_config($1, $2, true)`, [name, value]);
      }
    }
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${statement.text}`,
      [...values],
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
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

function collect(node: PlanNode, plan: Plan): void {
  plan.nodeTypes.add(node['Node Type']);
  if (node['Node Type'] === 'Seq Scan') plan.sequential.add(node['Relation Name'] as string);
  if (node['Index Name'] !== undefined) plan.indexes.add(node['Index Name']);
  for (const child of node.Plans ?? []) collect(child, plan);
}
