-- How many workers each queue should have, for an autoscaler: KEDA's postgresql trigger reads desired_replicas.
-- The scheduler evaluates the policy and writes its signal to tasker_queue_scaling_signals; a signal that is overdue (no
-- scheduler lives) only ever holds or raises the number: never fewer than there are, and one where work waits.
SELECT
  g.queue,
  CASE
    WHEN f.fresh THEN g.desired_replicas
    ELSE greatest(
      g.desired_replicas,
      (
        SELECT count(*)
        FROM tasker.tasker_workers w
        WHERE w.stopped_at IS NULL AND NOT w.draining AND w.role = 'worker' AND g.queue = ANY (w.queues)
      )::integer,
      (EXISTS (SELECT FROM tasker.tasker_workflow_steps s WHERE s.queue = g.queue AND s.ready_at IS NOT NULL))::integer
    )
  END AS desired_replicas,
  CASE WHEN f.fresh THEN g.reason ELSE 'overdue' END AS reason,
  g.wanted_replicas,
  g.desired_slots,
  g.ready_steps,
  g.oldest_ready_seconds,
  g.running_steps,
  g.workers,
  g.slots_per_worker,
  g.arrival_rate,
  g.completion_rate,
  g.step_seconds,
  g.max_replicas,
  g.measured_at,
  NOT f.fresh AS overdue
FROM tasker.tasker_queue_scaling_signals g
CROSS JOIN LATERAL (SELECT statement_timestamp() <= g.valid_until AS fresh) f
