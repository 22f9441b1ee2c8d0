/**
 * Paths of inputs whose values are terms of the directory of tasks, as workflow versions and tags are. The terms of a path are a range:
 * 2^62, the path's id times 2^42, and 42 bits of the value's SHA-256. Values that share one are distinguished by the filter of the list.
 */

/** SQL: the JSON `value` is a text, a number, true, false or null: what a search can compare. */
export const isScalar = (value: string): string => `jsonb_typeof(${value}) NOT IN ('object', 'array')`;

/** SQL: the term of a scalar at a path. Numbers that are equal have one, however they are written: 1, 1.0 and 1e0. */
export const inputTerm = (pathId: string, value: string): string =>
  `(4611686018427387904 + ${pathId}::bigint * 4398046511104 + (('x' || substr(encode(sha256(convert_to(CASE jsonb_typeof(${value}) WHEN 'number' THEN trim_scale(${value}::numeric)::text ELSE ${value}::text END, 'UTF8')), 'hex'), 1, 11))::bit(44)::bigint / 4))`;

/**
 * SQL: the values that the path `p` has in a document. What the document has a value for by containment (@>) is among them: reading is lax
 * and takes no note of what does not fit.
 */
export const valuesAt = (p: string, document: string): string =>
  `jsonb_path_query(${document}, ${p}.json_path, '{}', true)`;

/** SQL: the stretch `s` was entered with the values of every path that was enabled at this time. */
export const isSearched = (s: string, enabledAt: string): string =>
  `(${s}.trusted AND ${s}.searched_at IS NOT DISTINCT FROM ${s}.entered_at AND ${s}.searched_at >= ${enabledAt})`;

/** SQL: joins the versions `k` of the workflow of the path `p`. */
export const VERSIONS_OF_PATH = `JOIN tasker.tasker_task_namespaces n ON n.name = p.namespace
    JOIN tasker.tasker_named_tasks k ON k.task_namespace_id = n.task_namespace_id AND k.name = p.workflow`;
