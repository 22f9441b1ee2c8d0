import { UNCOUNTED, UNLISTED } from '../run-stats-checks.ts';
import { type Mend, script } from './mend.ts';

/** Mends of the run statistics. The durations of runs that were not counted stay out of the percentiles. */
export const runStatsMends: Readonly<Record<string, Mend>> = {
  stats_hours_counted: script(`
INSERT INTO tasker.tasker_run_stats AS r (period, starts_at, named_task_id, named_step_id, runs, failures, retries)
SELECT 'hour', u.starts_at, u.named_task_id, u.named_step_id, u.runs, u.failures, 0 FROM (${UNCOUNTED}) u
ON CONFLICT (period, starts_at, named_task_id, named_step_id) DO UPDATE
SET runs = greatest(r.runs, excluded.runs), failures = greatest(r.failures, excluded.failures)`),
  stats_open_tasks_listed: script(`
INSERT INTO tasker.tasker_run_stats_tasks (task_id)${UNLISTED}`),
};
