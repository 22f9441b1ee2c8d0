import type { ParametersOf } from '../../parameter-types.ts';
import { defineStatement, rows } from '../../statement.ts';

/** The row `a` of tasker_audit as the text that is hashed: each of its values, in this order, as PostgreSQL writes a JSON array. */
export const recordOf = (
  a: string,
): string => `jsonb_build_array(${a}.audit_id, (extract(epoch FROM ${a}.at) * 1000000)::bigint,
    ${a}.act, ${a}.subject, ${a}.subject_id, ${a}.by, ${a}.reason, ${a}.outcome, ${a}.refused, ${a}.before_hash, ${a}.after_hash,
    ${a}.details)::text`;

/** The hash of a place of the chain: of the hash before it and of the text of its row. */
export const chained = (before: string, record: string): string =>
  `encode(sha256(convert_to(${before} || ${record}, 'UTF8')), 'hex')`;

/** The act by which retention says what it removed from the chain, and the subject of such acts. */
export const PRUNE = { act: 'audit.prune', subject: 'audit', subject_id: 'chain' } as const;

const digits = (value: string): string => `CASE WHEN ${value} ~ '^[0-9]{1,18}$' THEN (${value})::bigint END`;

/**
 * Selects the holes that retention has made in the chain: the places `first` to `last` are empty, and `hash` is that of the last of them. An act vouches for places
 * before its own alone.
 */
const HOLES = `
    SELECT h.first, h.last, min(h.hash) AS hash
    FROM (
      SELECT ${digits('e.hole ->> 0')} AS first, ${digits('e.hole ->> 1')} AS last, e.hole ->> 2 AS hash, p.position
      FROM tasker.tasker_audit p
      CROSS JOIN LATERAL jsonb_array_elements(
        CASE WHEN jsonb_typeof(p.details -> 'holes') = 'array' THEN p.details -> 'holes' ELSE '[]' END) AS e (hole)
      WHERE p.subject = '${PRUNE.subject}' AND p.subject_id = '${PRUNE.subject_id}' AND p.act = '${PRUNE.act}'
    ) h
    WHERE h.last < h.position
    GROUP BY h.first, h.last`;

/** Selects the rows of `from`, consecutive ones of the chain, with the text that is hashed, and the position and hash of the row before. */
export const linksOf = (from: string): string => `
    SELECT a.audit_id, a.position, a.act, a.at, a.hash, ${recordOf('a')} AS record, lag(a.hash, 1, '') OVER w AS hash_before,
      lag(a.position, 1, 0::bigint) OVER w AS position_before
    FROM ${from} a
    WINDOW w AS (ORDER BY a.position)`;

const FOLLOWS = 'CASE WHEN s.position = s.position_before + 1 THEN s.hash_before ELSE g.hash END';

/**
 * Selects rows of the chain with the hash that each follows, and whether it is sound: its hash is that of its text and of the hash before it, and there is no hole before it, or
 * exactly one that retention made. The first row counts as the first of the chain. `holesIf`: whether holes are read at all.
 */
export const placesOf = (links: string, holesIf = 'true'): string => `
  SELECT s.audit_id, s.position, s.act, s.at, s.hash, ${FOLLOWS} AS follows,
    (s.hash = ${chained(FOLLOWS, 's.record')}) IS TRUE AS is_sound
  FROM ${links} s
  LEFT JOIN (${HOLES.replace('WHERE h.last', `WHERE ${holesIf} AND h.last`)}
  ) g ON g.first = s.position_before + 1 AND g.last = s.position - 1`;

/** The whole chain, in the form of `placesOf`. */
export const PLACES = placesOf(
  `(${linksOf('(SELECT * FROM tasker.tasker_audit x WHERE x.position IS NOT NULL)')}
  )`,
);

const ACT = {
  act: 'text',
  subject: 'text',
  subject_id: 'text',
  by: 'text',
  reason: 'text | null',
  outcome: 'text',
  refused: 'boolean',
  before_hash: 'text | null',
  after_hash: 'text | null',
  details: 'jsonb',
} as const;

/** An act as it is appended. */
export type AuditedAct = ParametersOf<typeof ACT>;

/** Appends an act. It takes no lock that another act waits for: its place in the chain is given later. */
export const insertAudit = defineStatement<{ audit_id: string }>()({
  name: 'insert_audit',
  params: ACT,
  text: `
INSERT INTO tasker.tasker_audit (act, subject, subject_id, by, reason, outcome, refused, before_hash, after_hash, details)
VALUES (:act, :subject, :subject_id, :by, :reason, :outcome, :refused, :before_hash, :after_hash, :details)
RETURNING audit_id`,
});

/** Appends several, in their order. */
export const insertAudits = defineStatement()({
  name: 'insert_audits',
  params: { acts: rows(ACT) },
  text: `
INSERT INTO tasker.tasker_audit (act, subject, subject_id, by, reason, outcome, refused, before_hash, after_hash, details)
SELECT a.act, a.subject, a.subject_id, a.by, a.reason, a.outcome, a.refused, a.before_hash, a.after_hash, a.details
FROM :acts WITH ORDINALITY AS a
ORDER BY a.ordinality`,
});

/** Whether acts behind `after` wait for their place in the chain, and whether pauses have ended by themselves. */
export const findUnsealed = defineStatement<{ found: boolean; pauses_ended: boolean }>()({
  name: 'find_unsealed',
  params: { after: 'bigint' },
  text: `
SELECT EXISTS (SELECT FROM tasker.tasker_audit a WHERE a.position IS NULL AND a.audit_id > :after) AS found,
  EXISTS (SELECT FROM tasker.tasker_pauses p WHERE p.until <= clock_timestamp()) AS pauses_ended`,
});

/** Whoever extends the chain holds this row to the end of the transaction. */
export const lockAuditHead = defineStatement<{ position: string; hash: string }>()({
  name: 'lock_audit_head',
  text: `SELECT h.position, h.hash FROM tasker.tasker_audit_head h FOR UPDATE`,
});

/**
 * Gives the first `size` acts behind `after` without one their place in the chain, in the order of their ids, and returns their number and the last of them. The head is
 * locked by a statement before this one, whose snapshot therefore has every place that was given. A walk: one look-up in `audit_open` for each, whatever the statistics are (after
 * `readByIndexOnly`), and then the row itself, which nobody else changes. A join of all of them with the chain so far reads, with another plan, all of them for each; one by their keys may read the whole audit.
 */
export const sealAudit = defineStatement<{ sealed: number; last: string | null }>()({
  name: 'seal_audit',
  params: { after: 'bigint', size: 'integer' },
  text: `
WITH RECURSIVE chain (audit_id, row_location, position, hash, places) AS (
  SELECT :after::bigint, NULL::tid, h.position, h.hash, 0 FROM tasker.tasker_audit_head h
  UNION ALL
  SELECT n.audit_id, n.row_location, c.position + 1, ${chained('c.hash', 'n.record')}, c.places + 1
  FROM chain c
  CROSS JOIN LATERAL (
    SELECT a.audit_id, a.ctid AS row_location, ${recordOf('a')} AS record
    FROM tasker.tasker_audit a
    WHERE a.position IS NULL AND a.audit_id > c.audit_id
    ORDER BY a.audit_id
    LIMIT 1
  ) n
  WHERE c.places < :size
), sealed AS (
  UPDATE tasker.tasker_audit a
  SET position = c.position, hash = c.hash
  FROM chain c
  WHERE a.ctid = c.row_location
  RETURNING a.audit_id, a.position, a.hash
), head AS (
  UPDATE tasker.tasker_audit_head h
  SET position = s.position, hash = s.hash
  FROM (SELECT position, hash FROM sealed ORDER BY position DESC LIMIT 1) s
)
SELECT count(*)::integer AS sealed, max(audit_id) AS last FROM sealed`,
});

/** A row of the chain that may be removed, or is beside one that may. */
export interface PrunableRow {
  audit_id: string;
  position: string;
  is_read: boolean;
  at: Date;
  hash: string;
  /** The hash that it follows; null: there is a hole before it that nobody vouches for. */
  follows: string | null;
  is_due: boolean;
  is_sound: boolean;
  /** Rows that may go, those included that are too far behind the first of them to be read at once. */
  due: number;
}

/** Whether retention has removed all that was due within this time. Reads the index `audit_of_subject`. */
export const findLatePrune = defineStatement()({
  name: 'find_late_prune',
  params: { seconds: 'float8' },
  text: `
SELECT FROM tasker.tasker_audit a
WHERE a.subject = '${PRUNE.subject}' AND a.subject_id = '${PRUNE.subject_id}' AND a.act = '${PRUNE.act}'
  AND a.at > statement_timestamp() - make_interval(secs => :seconds::float8) AND NOT a.details ? 'more'
LIMIT 1`,
});

/** One of the links has a hole before it. Of the first one that is only so if it is the first of the chain. Nearly always there is none, and of all holes none is read. */
const HAS_HOLE = `(
      SELECT bool_or(l.position <> l.position_before + 1 AND (l.position_before > 0 OR l.position = (SELECT min(d.position) FROM due d)))
      FROM links l)`;

/**
 * At most `size` rows of the chain that may go, from the first one on, with the rows between and beside them. Acts go from the start of the chain on, up to the first one
 * that is kept; so those that vouch for holes stay as long as there is a row before them. An act of a bulk operation stays as long as the operation. Reads go wherever
 * they are. The last row of the chain stays. Nothing is removed by this statement. Under the lock of the head.
 */
export const findPrunable = defineStatement<PrunableRow>()({
  name: 'find_prunable',
  params: { acts_seconds: 'float8 | null', reads_seconds: 'float8 | null', size: 'integer' },
  text: `
WITH due AS MATERIALIZED (
  SELECT d.position
  FROM (
    (SELECT f.position
    FROM (
      SELECT a.position, bool_and(a.at < statement_timestamp() - make_interval(secs => :acts_seconds::float8)
        AND (a.details ->> 'operation' IN (SELECT o.operation_id::text FROM tasker.tasker_operations o)) IS NOT TRUE) OVER (ORDER BY a.position) AS is_due
      FROM (
        SELECT x.position, x.at, x.details
        FROM tasker.tasker_audit x
        WHERE x.position IS NOT NULL AND :acts_seconds::float8 IS NOT NULL
        ORDER BY x.position
        LIMIT :size
      ) a
    ) f
    WHERE f.is_due)
    UNION
    (SELECT a.position
    FROM tasker.tasker_audit a
    WHERE a.act = 'payload.read' AND a.at < statement_timestamp() - make_interval(secs => :reads_seconds::float8) AND a.position IS NOT NULL
    ORDER BY a.at
    LIMIT :size)
  ) d
  WHERE d.position < (SELECT h.position FROM tasker.tasker_audit_head h)
  ORDER BY d.position
  LIMIT :size
), span AS MATERIALIZED (
  SELECT a.*
  FROM tasker.tasker_audit a
  WHERE EXISTS (SELECT FROM due) AND a.position >= coalesce(
    (SELECT max(b.position) FROM tasker.tasker_audit b WHERE b.position < (SELECT min(d.position) FROM due d)), 0)
  ORDER BY a.position
  LIMIT 2 * :size
), links AS MATERIALIZED (${linksOf('span')}
)
SELECT p.audit_id, p.position, p.act = 'payload.read' AS is_read, p.at, p.hash, p.follows, d.position IS NOT NULL AS is_due, p.is_sound,
  (SELECT count(*) FROM due)::integer AS due
FROM (${placesOf('links', HAS_HOLE)}) p
LEFT JOIN due d ON d.position = p.position
ORDER BY p.position`,
});

/** Removes rows of the audit. What vouches for their places is written before. */
export const deleteAudit = defineStatement()({
  name: 'delete_audit',
  params: { audit_ids: 'bigint[]' },
  text: `DELETE FROM tasker.tasker_audit WHERE audit_id = ANY (:audit_ids::bigint[])`,
});
