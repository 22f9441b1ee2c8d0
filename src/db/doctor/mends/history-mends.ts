import { byEngine, columns, entities, FINAL, join, legalTransitions } from '../check.ts';
import { acknowledge, type Mend, script, STEPS_FROM_HISTORY, TASKS_FROM_HISTORY } from './mend.ts';

/** Mends of a broken history, if there is no backup to restore it from. */
export const historyMends: Readonly<Record<string, Mend>> = Object.assign(
  {},
  ...entities.map(({ entity, history, table, keys }): Record<string, Mend> => {
    const by = columns('t', keys);
    const ours = columns('o', keys);
    const rows = entity === 'step' ? STEPS_FROM_HISTORY : TASKS_FROM_HISTORY;
    const lastIsMostRecent = `
UPDATE ${history} t
SET most_recent = t.sort_key = l.last
FROM (SELECT ${ours}, max(o.sort_key) AS last FROM ${history} o GROUP BY ${ours}) l
WHERE ${join('t', 'l', keys)} AND t.most_recent <> (t.sort_key = l.last)`;
    // By way of negative numbers, because (key, sort_key) has to be unique after each row.
    const renumber = `
UPDATE ${history} t
SET sort_key = -n.position
FROM (SELECT ${ours}, o.sort_key, row_number() OVER (PARTITION BY ${ours} ORDER BY o.sort_key) AS position FROM ${history} o) n
WHERE ${join('t', 'n', keys)} AND t.sort_key = n.sort_key AND t.sort_key <> n.position;
UPDATE ${history} SET sort_key = -sort_key WHERE sort_key < 0`;
    const chain = `(
  SELECT ${ours}, o.sort_key, lag(o.to_state, 1, 'pending') OVER (PARTITION BY ${ours} ORDER BY o.sort_key) AS expected
  FROM ${history} o) c`;
    const endAtFinal = script(
      `
DELETE FROM ${history} t
USING (SELECT ${ours}, min(o.sort_key) AS ended FROM ${history} o WHERE o.to_state IN ${FINAL} GROUP BY ${ours}) f
WHERE ${join('t', 'f', keys)} AND t.sort_key > f.ended`,
      lastIsMostRecent,
      rows,
    );
    return {
      [`${entity}_one_most_recent`]: script(lastIsMostRecent, rows),
      [`${entity}_most_recent_is_last`]: script(lastIsMostRecent, rows),
      [`${entity}_sort_keys_gapless`]: script(renumber, lastIsMostRecent, rows),
      [`${entity}_chain`]: script(`
UPDATE ${history} t
SET metadata = coalesce(t.metadata, '{}') || jsonb_build_object('acknowledged',
      jsonb_build_object('cause', t.cause, 'from_state', t.from_state)),
    cause = 'inherited',
    from_state = c.expected
FROM ${chain}
WHERE ${join('t', 'c', keys)} AND t.sort_key = c.sort_key AND ${byEngine('t')} AND t.from_state IS DISTINCT FROM c.expected`),
      [`${entity}_legal_transitions`]: script(
        acknowledge(
          history,
          `${byEngine('t')} AND (t.from_state, t.to_state, t.cause) NOT IN (VALUES ${legalTransitions(entity)})`,
        ),
      ),
      [`${entity}_final_states_stay`]: endAtFinal,
      ...(entity === 'step' ? { step_completes_once: endAtFinal } : {}),
      [`${entity}_times_in_order`]: script(`
UPDATE ${history} t
SET created_at = m.at
FROM (SELECT ${ours}, o.sort_key, max(o.created_at) OVER (PARTITION BY ${ours} ORDER BY o.sort_key) AS at FROM ${history} o) m
WHERE ${join('t', 'm', keys)} AND t.sort_key = m.sort_key AND t.created_at < m.at`),
      [`${entity}_mirror`]: script(rows),
      [`${entity}_history_without_row`]: script(`
DELETE FROM ${history} t
WHERE NOT EXISTS (SELECT FROM ${table} o WHERE (${ours}) = (${by}))`),
    };
  }),
);
