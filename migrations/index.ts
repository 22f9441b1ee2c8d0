import type { Kysely } from 'kysely';

export interface Migration {
  up(db: Kysely<unknown>): Promise<void>;
  down(db: Kysely<unknown>): Promise<void>;
  /** Absent: one transaction. `transaction: false` for concurrent index builds and batches that commit one by one. */
  config?: { transaction: boolean };
}

/**
 * Every migration in order, by name, so that the compiled package needs no directory listing. Each is loaded only when it is
 * to run.
 *
 * 0009 and 0010 never existed: 0011 was written beside 0008, on another branch, when 0007 was the newest, and left three
 * numbers free, of which one was used. The numbers stay, because each database has recorded the names.
 */
export const migrations: readonly { name: string; load: () => Promise<Migration> }[] = [
  { name: '0001_seed_schema', load: () => import('./0001_seed_schema.ts') },
  { name: '0002_eight_indexes', load: () => import('./0002_eight_indexes.ts') },
  { name: '0003_views_v02', load: () => import('./0003_views_v02.ts') },
  { name: '0004_engine_columns', load: () => import('./0004_engine_columns.ts') },
  { name: '0005_backfill_engine_columns', load: () => import('./0005_backfill_engine_columns.ts') },
  {
    name: '0006_engine_constraints_and_lean_indexes',
    load: () => import('./0006_engine_constraints_and_lean_indexes.ts'),
  },
  { name: '0007_views_v03', load: () => import('./0007_views_v03.ts') },
  { name: '0008_hot_history', load: () => import('./0008_hot_history.ts') },
  { name: '0011_queue_scaling', load: () => import('./0011_queue_scaling.ts') },
  { name: '0012_hot_heartbeats', load: () => import('./0012_hot_heartbeats.ts') },
  { name: '0013_lean_checks', load: () => import('./0013_lean_checks.ts') },
  { name: '0014_readiness_v04', load: () => import('./0014_readiness_v04.ts') },
  { name: '0015_contexts_v04', load: () => import('./0015_contexts_v04.ts') },
  { name: '0016_installation', load: () => import('./0016_installation.ts') },
  { name: '0017_schedule_states', load: () => import('./0017_schedule_states.ts') },
  { name: '0018_worker_workflows', load: () => import('./0018_worker_workflows.ts') },
  { name: '0019_clock', load: () => import('./0019_clock.ts') },
  { name: '0020_comments', load: () => import('./0020_comments.ts') },
  { name: '0021_identities', load: () => import('./0021_identities.ts') },
  { name: '0022_occurrences', load: () => import('./0022_occurrences.ts') },
  { name: '0023_task_lists', load: () => import('./0023_task_lists.ts') },
  { name: '0024_run_stats', load: () => import('./0024_run_stats.ts') },
  { name: '0025_imports', load: () => import('./0025_imports.ts') },
  { name: '0026_retention', load: () => import('./0026_retention.ts') },
  { name: '0027_input_schemas', load: () => import('./0027_input_schemas.ts') },
  { name: '0028_history_partitions', load: () => import('./0028_history_partitions.ts') },
  { name: '0029_acts', load: () => import('./0029_acts.ts') },
  { name: '0030_api', load: () => import('./0030_api.ts') },
  { name: '0031_stats_weeks', load: () => import('./0031_stats_weeks.ts') },
  { name: '0032_workflow_ranges', load: () => import('./0032_workflow_ranges.ts') },
  { name: '0033_archives', load: () => import('./0033_archives.ts') },
  { name: '0034_operations', load: () => import('./0034_operations.ts') },
  { name: '0035_trace_context', load: () => import('./0035_trace_context.ts') },
  { name: '0036_queue_samples', load: () => import('./0036_queue_samples.ts') },
  { name: '0037_task_directory', load: () => import('./0037_task_directory.ts') },
  { name: '0038_sign_ins', load: () => import('./0038_sign_ins.ts') },
  { name: '0039_search_paths', load: () => import('./0039_search_paths.ts') },
  { name: '0042_failing_steps', load: () => import('./0042_failing_steps.ts') },
  { name: '0043_steps_in_error', load: () => import('./0043_steps_in_error.ts') },
  { name: '0044_audit_and_archives', load: () => import('./0044_audit_and_archives.ts') },
  { name: '0045_failing_steps_by_task', load: () => import('./0045_failing_steps_by_task.ts') },
];
