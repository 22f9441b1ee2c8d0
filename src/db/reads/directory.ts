import { defineStatement } from '../statement.ts';
import { STRETCH, stretchOf } from '../statements/rules/directory.ts';
import { isSearched } from '../statements/rules/search-paths.ts';
import { hasFailingStep } from './failing-steps.ts';
import { PAGE, pageOfIds, type PageRow } from './task-pages.ts';

export interface DirectoryState {
  /** Tasks below this id are in the directory. */
  entered_up_to: string;
  /** But for those of these stretches, the highest first; of many only some. */
  untrusted: string[];
  /** Below this id there may be more of them. */
  known_from: string;
  /** Trusted stretches without the values of the paths of inputs that were asked for, in the same way; null: one of the paths is not there. */
  unsearched: string[] | null;
  searched_from: string;
}

/** More stretches that are not trusted than ever are at once: those below are read without the directory. */
const MOST_UNTRUSTED = 100;

/** How far the directory is, for a list that begins below an id. */
export const readDirectory = defineStatement<DirectoryState>()({
  name: 'read_directory',
  params: { below: 'bigint', path_ids: 'integer[]' },
  text: `
SELECT d.entered_up_to, coalesce(u.stretches, '{}') AS untrusted,
  CASE WHEN cardinality(u.stretches) = ${MOST_UNTRUSTED} THEN u.stretches[${MOST_UNTRUSTED}] * ${STRETCH} ELSE 0 END AS known_from,
  CASE WHEN e.paths = cardinality(:path_ids::integer[]) THEN coalesce(w.stretches, '{}') END AS unsearched,
  CASE WHEN cardinality(w.stretches) = ${MOST_UNTRUSTED} THEN w.stretches[${MOST_UNTRUSTED}] * ${STRETCH} ELSE 0 END AS searched_from
FROM tasker.tasker_directory d
CROSS JOIN LATERAL (
  SELECT array_agg(x.stretch ORDER BY x.stretch DESC) AS stretches
  FROM (
    SELECT s.stretch
    FROM tasker.tasker_directory_stretches s
    WHERE NOT s.trusted AND s.stretch <= ${stretchOf(':below::bigint - 1')}
    ORDER BY s.stretch DESC
    LIMIT ${MOST_UNTRUSTED}
  ) x
) u
CROSS JOIN LATERAL (
  SELECT count(*) AS paths, max(p.enabled_at) AS at FROM tasker.tasker_search_paths p WHERE p.path_id = ANY (:path_ids::integer[])
) e
CROSS JOIN LATERAL (
  SELECT array_agg(x.stretch ORDER BY x.stretch DESC) AS stretches
  FROM (
    SELECT s.stretch
    FROM tasker.tasker_directory_stretches s
    WHERE e.at IS NOT NULL AND s.trusted AND NOT ${isSearched('s', 'e.at')} AND s.stretch <= ${stretchOf(':below::bigint - 1')}
    ORDER BY s.stretch DESC
    LIMIT ${MOST_UNTRUSTED}
  ) x
) w`,
});

/** How often a term was lately, for a choice between several: of its newest entries. */
const COMPARED = 8;

/** How many tasks have each of these terms for every id, at most: in its newest entries below an id, and from there to that id. */
export const rateTerms = defineStatement<{ term: string; rate: number }>()({
  name: 'rate_terms',
  params: { terms: 'bigint[]', below: 'bigint', floor: 'bigint' },
  text: `
SELECT v.term, coalesce(e.tasks / (${stretchOf(':below::bigint - 1')} - e.lowest + 1)::float8, 0) AS rate
FROM unnest(:terms::bigint[]) AS v (term)
CROSS JOIN LATERAL (
  SELECT sum(x.tasks) AS tasks, min(x.stretch) AS lowest
  FROM (
    SELECT e.tasks, e.stretch
    FROM tasker.tasker_directory_entries e
    WHERE e.term = v.term AND e.stretch <= ${stretchOf(':below::bigint - 1')} AND e.stretch >= ${stretchOf(':floor::bigint')}
    ORDER BY e.stretch DESC
    LIMIT ${COMPARED}
  ) x
) e`,
});

/**
 * Tasks with one of these terms, from the directory: of each term its newest `rows`, entry after entry, and of all of them the newest.
 * The places of an entry are in ascending order, so those that a page may need are at one place of it, which is found by halving. `failing`: only tasks of which
 * a step fails now are looked up, which is known from an index of a few pages.
 */
export const listTasksInDirectory = defineStatement<PageRow>()({
  name: 'list_tasks_in_directory',
  params: { ...PAGE, terms: 'bigint[]', failing: 'boolean', rows: 'integer' },
  text: pageOfIds(
    `entered AS MATERIALIZED (
  SELECT DISTINCT x.task_id
  FROM unnest(:terms::bigint[]) AS v (term)
  CROSS JOIN LATERAL (
    SELECT e.stretch * ${STRETCH} + p.place AS task_id
    FROM (
      SELECT e.stretch, e.places
      FROM tasker.tasker_directory_entries e
      WHERE e.term = v.term AND e.stretch <= ${stretchOf(':below::bigint - 1')}
        AND e.stretch >= ${stretchOf('greatest(:floor::bigint, (SELECT min(t.task_id) FROM tasker.tasker_tasks t))')}
      ORDER BY e.stretch DESC
      OFFSET 0
    ) e
    CROSS JOIN LATERAL (
      SELECT width_bucket(least(:below::bigint - 1 - e.stretch * ${STRETCH}, ${STRETCH - 1})::smallint, e.places) AS last
    ) b
    CROSS JOIN LATERAL (
      SELECT u.place FROM unnest(e.places[greatest(1, b.last - :rows + 1):b.last]) AS u (place) ORDER BY u.place DESC
    ) p
    WHERE e.stretch * ${STRETCH} + p.place >= :floor::bigint
    LIMIT :rows
  ) x
  ORDER BY x.task_id DESC
  LIMIT :rows
)`,
    'entered',
    { which: `(NOT :failing OR ${hasFailingStep('i.task_id')})` },
  ),
});
