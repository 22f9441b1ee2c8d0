import { expect, it } from 'vitest';
import { allStatements } from '../../scripts/support/all-statements.ts';
import type { AnyStatement } from '../../src/db/statement.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const major =
  Number((await test.query<{ v: string }>(`SELECT current_setting('server_version_num') AS v`))[0]?.v) / 10_000;

interface Node {
  'Node Type': string;
  Operation?: string;
  'Relation Name'?: string;
  'Index Cond'?: string;
  Plans?: Node[];
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
const HISTORY = /^tasker_(workflow_step|task)_transitions_p\d+$/;
/** The key is compared with a value of another row, by which PostgreSQL would choose the partitions of each row. */
const BY_ROW = /\btask_id = (?!\$\d|ANY \()/;
/** The key is compared with a bound of the batch. */
const BY_BOUND = /\btask_id [<>]=? \$\d/;

/** What PostgreSQL would read with a choice of partitions for each row, in a statement that may wait for a row. */
function choices(plan: Node): string[] {
  const nodes = nodesOf(plan);
  // An INSERT evaluates nothing again, not even one that updates what is in conflict.
  const waits = (node: Node) =>
    node['Node Type'] === 'LockRows' || /^(Update|Delete|Merge)$/.test(node.Operation ?? '');
  if (!nodes.some(waits)) return [];
  return nodes
    .filter((node) => HISTORY.test(node['Relation Name'] ?? '') && BY_ROW.test(node['Index Cond'] ?? ''))
    .map((node) => `${node['Relation Name']}: ${node['Index Cond']}`);
}

/**
 * What PostgreSQL might read from one bound of a batch to the other, for each row of the batch: a plan from when a partition was nearly empty
 * does, because that seems to cost nothing. A bound that is no condition of an index leaves it no such plan.
 */
const ranges = (plan: Node): string[] =>
  nodesOf(plan)
    .filter((node) => HISTORY.test(node['Relation Name'] ?? '') && BY_BOUND.test(node['Index Cond'] ?? ''))
    .map((node) => `${node['Relation Name']}: ${node['Index Cond']}`);

async function planOf({ text }: AnyStatement): Promise<Node> {
  const client = await test.pool.connect();
  try {
    await client.query(
      'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off',
    );
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Node }[] }>(
      `EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`,
    );
    return rows[0]?.['QUERY PLAN'][0]?.Plan as Node;
  } finally {
    client.release();
  }
}

const statements = (await allStatements()).filter(
  ({ name, text }) =>
    // Those of an import are about the tables of Tasker (Ruby).
    !/source|hand_over/.test(name) &&
    /transitions/.test(text) &&
    /\b(UPDATE|DELETE|FOR NO KEY)\b/.test(text) &&
    !/^\s*DO /.test(text),
);

/*
 * In PostgreSQL 18 a statement that waited for a row reads wrong partitions of a table, if they are chosen for each row (see
 * src/db/statements/rules/history.ts). So no statement that changes or locks rows may leave the choice to PostgreSQL.
 */
it.skipIf(major < 16).each(statements.map((statement) => [statement.name, statement] as const))(
  '%s lets PostgreSQL choose no partition row by row',
  async (_name, statement) => {
    expect(choices(await planOf(statement))).toEqual([]);
  },
);

it.skipIf(major < 16).each(statements.map((statement) => [statement.name, statement] as const))(
  '%s reads no range of the history',
  async (_name, statement) => {
    expect(ranges(await planOf(statement))).toEqual([]);
  },
);

it.skipIf(major < 16)('a statement that does is found, and there are statements to check', async () => {
  expect(statements.length).toBeGreaterThan(15);
  const text = `UPDATE tasker.tasker_workflow_step_transitions t SET most_recent = false
    FROM tasker.tasker_tasks k WHERE t.task_id = k.task_id AND k.identity_hash = '' AND t.sort_key = 1`;
  expect(choices(await planOf({ text } as AnyStatement)).length).toBeGreaterThan(0);
  expect(ranges(await planOf({ text: `${text} AND t.task_id >= $1` } as AnyStatement)).length).toBeGreaterThan(0);
});
