/** Parameters of filters that no index has: they are looked at for the tasks that a source has, within the limits of a page. */
export const MORE = {
  queue: 'text | null',
  source_system: 'text | null',
  input_has: 'jsonb | null',
  attempts_from: 'integer | null',
  attempts_to: 'integer | null',
  ended_since: 'timestamptz | null',
  ended_before: 'timestamptz | null',
} as const;

/**
 * SQL: the task `t` passes these filters. What the page does not read anyway is looked up by its key: OFFSET 0 keeps the planner
 * from reading all steps once, which it does when it expects to look at many tasks.
 */
export const PASSES_MORE = `(:source_system::text IS NULL OR t.source_system = :source_system::text)
    AND (:ended_since::timestamptz IS NULL OR t.completed_at >= :ended_since::timestamptz)
    AND (:ended_before::timestamptz IS NULL OR t.completed_at < :ended_before::timestamptz)
    AND (:queue::text IS NULL OR EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s
      WHERE s.task_id = t.task_id AND s.queue = :queue::text AND s.state IN ('pending', 'in_progress', 'error')
      OFFSET 0))
    AND ((:attempts_from::integer IS NULL AND :attempts_to::integer IS NULL) OR EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s
      WHERE s.task_id = t.task_id AND s.attempts >= coalesce(:attempts_from::integer, 0)
        AND s.attempts <= coalesce(:attempts_to::integer, 2147483647)
      OFFSET 0))`;

/** SQL: the input of the task `t` contains, of each list of documents, one. The row has been read anyway. */
export const HAS_INPUT = `(:input_has::jsonb IS NULL OR NOT EXISTS (
      SELECT FROM jsonb_array_elements(:input_has::jsonb) AS a (terms)
      WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(a.terms) AS b (term) WHERE t.context @> b.term)))`;
