import { defineStatement } from '../statement.ts';
import type { SearchPathRow } from '../statements/directory/search-paths.ts';
import { inputTerm, isScalar, isSearched, valuesAt, VERSIONS_OF_PATH } from '../statements/rules/search-paths.ts';

/** A path, and how far the schedulers are with it. */
export interface SearchProgressRow extends SearchPathRow {
  /** Ranges of 32,768 ids with tasks that are in the directory, and how many of them have the path. */
  stretches: number;
  searched: number;
}

export const listSearchPaths = defineStatement<SearchProgressRow>()({
  name: 'list_search_paths',
  text: `
SELECT p.path_id, p.namespace, p.workflow, p.path, p.enabled_at, p.enabled_by, c.stretches, c.searched
FROM tasker.tasker_search_paths p
CROSS JOIN LATERAL (
  SELECT count(*)::integer AS stretches, (count(*) FILTER (WHERE ${isSearched('s', 'p.enabled_at')}))::integer AS searched
  FROM tasker.tasker_directory_stretches s
) c
ORDER BY p.namespace, p.workflow, p.path`,
});

/** Terms of which every task has one whose input passes one of the conditions of a list. */
export interface InputTermsRow {
  terms: string[];
  path_ids: number[];
  /** The paths, as people write them. */
  paths: string[];
}

/**
 * Conditions of a list that paths can answer: each version of the list has a path for which each of the condition's alternatives has a value. A task that passes
 * contains one of these, so it was entered under that value. Reads the paths alone; without one it has no row.
 */
export const findInputTerms = defineStatement<InputTermsRow>()({
  name: 'find_input_terms',
  params: { named_task_ids: 'integer[]', input_has: 'jsonb' },
  text: `
WITH paths AS MATERIALIZED (
  SELECT k.named_task_id, p.path_id, p.json_path, format('%s of %s/%s', p.path, p.namespace, p.workflow) AS name
  FROM tasker.tasker_search_paths p
    ${VERSIONS_OF_PATH}
  WHERE k.named_task_id = ANY (:named_task_ids::integer[])
), answered AS (
  SELECT g.place, p.named_task_id, p.path_id, p.name, array_agg(f.term) AS terms
  FROM jsonb_array_elements(:input_has::jsonb) WITH ORDINALITY AS g (alternatives, place)
  CROSS JOIN paths p
  CROSS JOIN LATERAL jsonb_array_elements(g.alternatives) AS a (given)
  LEFT JOIN LATERAL (
    SELECT ${inputTerm('p.path_id', 'v.value')} AS term
    FROM ${valuesAt('p', 'a.given')} AS v (value)
    WHERE ${isScalar('v.value')}
    LIMIT 1
  ) f ON true
  GROUP BY g.place, p.named_task_id, p.path_id, p.name
  HAVING count(f.term) = count(*)
), chosen AS (
  SELECT DISTINCT ON (a.place, a.named_task_id) a.* FROM answered a ORDER BY a.place, a.named_task_id, a.path_id
)
SELECT array_agg(DISTINCT u.term) AS terms, array_agg(DISTINCT c.path_id) AS path_ids, array_agg(DISTINCT c.name) AS paths
FROM chosen c
CROSS JOIN LATERAL unnest(c.terms) AS u (term)
GROUP BY c.place
HAVING count(DISTINCT c.named_task_id) = cardinality(:named_task_ids::integer[])
ORDER BY c.place`,
});
