import { STRETCH, stretchOf, tagTerm } from '../statements/rules/directory.ts';
import { inputTerm, isScalar, isSearched, valuesAt, VERSIONS_OF_PATH } from '../statements/rules/search-paths.ts';
import type { Check } from './check.ts';

/** Tasks of trusted stretches, with their terms, that the directory does not have under one of them. */
export const NOT_ENTERED = `
SELECT m.task_id, m.term
FROM (
  SELECT t.task_id, k.term
  FROM tasker.tasker_tasks t
  CROSS JOIN tasker.tasker_directory d
  CROSS JOIN LATERAL (
    SELECT t.named_task_id::bigint AS term
    UNION ALL
    SELECT ${tagTerm('g.tag')}
    FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(t.tags) = 'array' THEN t.tags ELSE '[]' END) AS g (tag)
    WHERE g.tag IS NOT NULL
  ) k
  WHERE t.task_id < d.entered_up_to
    AND NOT EXISTS (SELECT FROM tasker.tasker_directory_stretches s WHERE s.stretch = ${stretchOf('t.task_id')} AND NOT s.trusted)
  UNION ALL
  SELECT t.task_id, ${inputTerm('p.path_id', 'v.value')}
  FROM tasker.tasker_search_paths p
    ${VERSIONS_OF_PATH}
  JOIN tasker.tasker_tasks t ON t.named_task_id = k.named_task_id
  CROSS JOIN tasker.tasker_directory d
  JOIN tasker.tasker_directory_stretches s ON s.stretch = ${stretchOf('t.task_id')} AND ${isSearched('s', 'p.enabled_at')}
  CROSS JOIN LATERAL ${valuesAt('p', 't.context')} AS v (value)
  WHERE t.task_id < d.entered_up_to AND ${isScalar('v.value')}
  EXCEPT
  SELECT e.stretch * ${STRETCH} + p.place, e.term
  FROM tasker.tasker_directory_entries e
  CROSS JOIN LATERAL unnest(e.places) AS p (place)
) m`;

/** Invariants of the directory of tasks. */
export const directoryChecks: Check[] = [
  {
    id: 'directory_has_every_task',
    title:
      'the directory of tasks has every task of its stretches under its workflow version, its tags and the values of its input at enabled paths',
    why: 'A list of this workflow, tag or value does not show the task; nothing else is wrong with it. Whoever wrote tasks by hand among those that are there makes their stretches untrusted, and a scheduler enters them again.',
    sql: NOT_ENTERED,
  },
];
