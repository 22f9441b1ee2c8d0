import type { Pool } from 'pg';
import { viewBody } from '../../migrations/support/views.ts';

/** The version of each view in each released set of views. */
const SETS = {
  v01: { readiness: 1, contexts: 1, dag: 1, summaries: 1 },
  v02: { readiness: 2, contexts: 2, dag: 1, summaries: 1 },
  v03: { readiness: 3, contexts: 3, dag: 2, summaries: 2 },
  v04: { readiness: 4, contexts: 4, dag: 2, summaries: 2 },
} as const;

export type ViewSet = keyof typeof SETS;

const NAMES = {
  readiness: 'tasker_step_readiness_statuses',
  contexts: 'tasker_task_execution_contexts',
  dag: 'tasker_step_dag_relationships',
  summaries: 'tasker_task_workflow_summaries',
} as const;

/**
 * Installs sets of views, each in a schema of its own name (`v01.tasker_step_readiness_statuses`), over the tables of schema tasker.
 * v03 and later need the engine's columns.
 */
export async function installViews(pool: Pick<Pool, 'query'>, sets: readonly ViewSet[]): Promise<void> {
  for (const set of sets) {
    await pool.query(`CREATE SCHEMA ${set}`);
    for (const key of ['readiness', 'contexts', 'dag', 'summaries'] as const) {
      // The later views of a set read the earlier ones of the same set.
      let body = viewBody(NAMES[key], SETS[set][key]);
      for (const name of Object.values(NAMES)) body = body.replaceAll(`tasker.${name}`, `${set}.${name}`);
      await pool.query(`CREATE VIEW ${set}.${NAMES[key]} AS\n${body}`);
    }
  }
}
