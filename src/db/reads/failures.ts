import { defineStatement } from '../statement.ts';

/** Failures with one cause, of one step of a workflow: steps that are in error now. */
export interface FailureGroup {
  /** `tasker tasks --fingerprint` lists their tasks. Null: of failures that an earlier version wrote, which are grouped by name and code. */
  fingerprint: string | null;
  /** Of the error: its class, mostly. */
  name: string | null;
  code: string | null;
  /** Of the newest of them. */
  message: string | null;
  namespace: string;
  workflow: string;
  /** The versions among them. */
  versions: string[];
  step: string;
  /** Steps in error, each in a task of its own. */
  steps: number;
  /** How many of them no retry will come to. The others wait for one. */
  blocked: number;
  /** When the first and the last of these attempts failed. */
  first_seen: Date;
  last_seen: Date;
  /** The task of the newest of them. */
  sample_task_id: string;
}

export type FailureGroupRow = FailureGroup & { read_steps: number };

/** Of the blocked steps, and of those that wait for a retry: the groups of more are read as far as the newest of them. */
export const MOST_FAILING = 10_000;

/** Of the blocked steps, and of those that wait for a retry: the failures of one workflow are looked for among the newest of them. */
export const MOST_SEARCHED = 20_000;

const newestInError = (most: string): string => `(
    SELECT s.task_id, s.workflow_step_id, s.sort_key, s.named_task_id, s.named_step_id, true AS blocked, s.blocked_at AS at
    FROM tasker.tasker_workflow_steps s
    WHERE s.blocked_at IS NOT NULL
    ORDER BY s.blocked_at DESC
    LIMIT ${most}
  )
  UNION ALL
  (
    SELECT s.task_id, s.workflow_step_id, s.sort_key, s.named_task_id, s.named_step_id, false, s.next_retry_at
    FROM tasker.tasker_workflow_steps s
    WHERE s.next_retry_at IS NOT NULL
    ORDER BY s.next_retry_at DESC
    LIMIT ${most}
  )`;

const readOf = (steps: string): string =>
  `(SELECT greatest(count(*) FILTER (WHERE c.blocked), count(*) FILTER (WHERE NOT c.blocked)) FROM ${steps} c)::integer`;

/** SQL of `failureGroups`. `most`: steps of each kind that are read; `limit`: groups. */
export const groupsOfFailures = (most: string, limit: string): string => `
WITH failing AS MATERIALIZED (
  ${newestInError(most)}
), ${groupsOfFailing(limit)}`;

/** The end of a statement, after a CTE `failing`. */
const groupsOfFailing = (limit: string): string => `failures AS (
  SELECT f.task_id, f.named_task_id, f.named_step_id, f.blocked, x.created_at, x.metadata #>> '{error,message}' AS message,
    x.metadata #>> '{error,fingerprint}' AS fingerprint, x.metadata #>> '{error,name}' AS name, x.metadata #>> '{error,code}' AS code
  FROM failing f
  CROSS JOIN LATERAL (
    SELECT * FROM tasker.tasker_workflow_step_transitions x
    WHERE x.task_id = f.task_id AND x.workflow_step_id = f.workflow_step_id AND x.sort_key = f.sort_key
    OFFSET 0
  ) x
)
SELECT f.fingerprint, f.name, f.code, (array_agg(f.message ORDER BY f.created_at DESC))[1] AS message,
  n.name AS namespace, k.name AS workflow, array_agg(DISTINCT k.version) AS versions, p.name AS step,
  count(*)::integer AS steps, (count(*) FILTER (WHERE f.blocked))::integer AS blocked,
  min(f.created_at) AS first_seen, max(f.created_at) AS last_seen,
  (array_agg(f.task_id::text ORDER BY f.created_at DESC))[1] AS sample_task_id,
  ${readOf('failing')} AS read_steps
FROM failures f
JOIN tasker.tasker_named_tasks k ON k.named_task_id = f.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
JOIN tasker.tasker_named_steps p ON p.named_step_id = f.named_step_id
GROUP BY f.fingerprint, f.name, f.code, n.name, k.name, p.name
ORDER BY steps DESC, last_seen DESC
LIMIT ${limit}`;

/**
 * Groups of failures, the largest first. Reads the newest `most` blocked steps and as many of those that wait for a retry, from their
 * partial indexes, and the transition of each by its key. What history there is does not matter.
 */
export const failureGroups = defineStatement<FailureGroupRow>()({
  name: 'failure_groups',
  params: { most: 'integer', limit: 'integer' },
  text: groupsOfFailures(':most', ':limit'),
});

/** A group, or null if none was found. */
export type FoundFailureGroupRow = { [Column in keyof FailureGroupRow]: FailureGroupRow[Column] | null } & {
  searched_steps: number;
};

/**
 * The same of some workflows: their newest `most` among the newest `searched` of each kind, of which it reads the row of each. Always has a row, which says
 * how many were there to be searched.
 */
export const failureGroupsOf = defineStatement<FoundFailureGroupRow>()({
  name: 'failure_groups_of',
  params: {
    most: 'integer',
    searched: 'integer',
    limit: 'integer',
    namespace: 'text | null',
    workflow: 'text | null',
    version: 'text | null',
  },
  text: `
WITH newest AS MATERIALIZED (
  ${newestInError(':searched')}
), wanted AS MATERIALIZED (
  SELECT s.*, row_number() OVER (PARTITION BY s.blocked ORDER BY s.at DESC) AS place
  FROM newest s
  WHERE s.named_task_id = ANY (ARRAY(
    SELECT k.named_task_id
    FROM tasker.tasker_named_tasks k
    JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
    WHERE (:namespace::text IS NULL OR n.name = :namespace::text) AND (:workflow::text IS NULL OR k.name = :workflow::text)
      AND (:version::text IS NULL OR k.version = :version::text)))
), failing AS MATERIALIZED (
  SELECT * FROM wanted WHERE place <= :most
), groups AS (
  WITH ${groupsOfFailing(':limit')}
)
SELECT g.*, ${readOf('newest')} AS searched_steps
FROM (SELECT) always
LEFT JOIN groups g ON true
ORDER BY g.steps DESC, g.last_seen DESC`,
});
