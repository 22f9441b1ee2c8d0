-- Runs of each workflow version by hour (UTC). closed: the hour is over and will not change.
SELECT
  n.name AS namespace,
  k.name AS workflow,
  k.version,
  r.starts_at AS hour,
  r.starts_at + interval '1 hour' <= p.counted_until AS closed,
  r.runs,
  r.failures,
  r.retries,
  r.waiting_p50,
  r.waiting_p95,
  r.running_p50,
  r.running_p95
FROM tasker.tasker_run_stats r
JOIN tasker.tasker_named_tasks k ON k.named_task_id = r.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
CROSS JOIN tasker.tasker_run_stats_progress p
WHERE r.period = 'hour' AND r.named_step_id = 0;
