import { linksOf, PLACES, placesOf, recordOf } from '../statements/acts/audit.ts';
import { defineStatement } from '../statement.ts';

/** One act as it is stored. */
export interface AuditRow {
  audit_id: string;
  at: Date;
  /** Such as `task.retry`. */
  act: string;
  /** `task`, `step`, `queue`, `workflow`, `schedule`, `operation`. */
  subject: string;
  subject_id: string;
  by: string;
  reason: string | null;
  outcome: string;
  /** It changed nothing. */
  refused: boolean;
  /** SHA-256 of the text that the act replaced. */
  before_hash: string | null;
  /** SHA-256 of the text that the act stored. */
  after_hash: string | null;
  details: Record<string, unknown>;
  /** Place in the chain; null: it gets one within seconds. */
  position: string | null;
  hash: string | null;
}

const COLUMNS = `a.audit_id, a.at, a.act, a.subject, a.subject_id, a.by, a.reason, a.outcome, a.refused, a.before_hash, a.after_hash,
  a.details, a.position, a.hash`;

const LIST = {
  below: 'bigint',
  limit: 'integer',
  act: 'text | null',
  by: 'text | null',
  refused: 'boolean | null',
  reads: 'boolean | null',
} as const;

const FILTERS = `a.audit_id < :below
  AND (:act::text IS NULL OR a.act = :act::text)
  AND (:by::text IS NULL OR a.by = :by::text)
  AND (:refused::boolean IS NULL OR a.refused = :refused::boolean)
  AND (:reads::boolean IS NULL OR (a.act = 'payload.read') = :reads::boolean)`;

/** Acts below an id, newest first. A filter that finds little reads the whole table, which has a row for each act of a person. */
export const listAudit = defineStatement<AuditRow>()({
  name: 'list_audit',
  params: LIST,
  text: `
SELECT ${COLUMNS}
FROM tasker.tasker_audit a
WHERE ${FILTERS}
ORDER BY a.audit_id DESC
LIMIT :limit`,
});

/** As `listAudit`, of one subject, and of a task also the acts on its steps. */
export const listAuditOfSubject = defineStatement<AuditRow>()({
  name: 'list_audit_of_subject',
  params: { ...LIST, subject: 'text', subject_id: 'text' },
  text: `
SELECT ${COLUMNS}
FROM tasker.tasker_audit a
WHERE (a.subject = :subject AND a.subject_id = :subject_id
    OR :subject::text = 'task' AND a.subject = 'step' AND a.subject_id >= :subject_id || '/' AND a.subject_id < :subject_id || '0')
  AND ${FILTERS}
ORDER BY a.audit_id DESC
LIMIT :limit`,
});

/** The chain from a position on, in its order, with the text of each row that is hashed. */
export const exportAudit = defineStatement<AuditRow & { record: string }>()({
  name: 'export_audit',
  params: { after: 'bigint', limit: 'integer' },
  text: `
SELECT ${COLUMNS}, ${recordOf('a')} AS record
FROM tasker.tasker_audit a
WHERE a.position > :after
ORDER BY a.position
LIMIT :limit`,
});

/**
 * Selects what is wrong with the chain: rows whose hash is not that of their text and of the hash before them, rows whose place does not
 * follow the one before, but for what retention says that it removed, and a head that is not the last row.
 */
export const BROKEN_CHAIN = `SELECT c.audit_id, c.position FROM (${PLACES}) c
      WHERE NOT c.is_sound
      UNION ALL
      SELECT NULL, h.position FROM tasker.tasker_audit_head h
      WHERE h.position <> (SELECT coalesce(max(a.position), 0) FROM tasker.tasker_audit a)
        OR h.hash <> coalesce((SELECT a.hash FROM tasker.tasker_audit a WHERE a.position = h.position), '')
      UNION ALL
      SELECT NULL, NULL WHERE NOT EXISTS (SELECT FROM tasker.tasker_audit_head)`;

/** What one part of the chain is like. */
export interface ChainPartRow {
  /** The place of the last act of the part; null: there is none. */
  last: string | null;
  /** The first of them that is wrong. */
  broken: { audit_id: string; position: string } | null;
  /** The end of the chain, in the same snapshot: the head, and whether it is the last row. Null: there is no head. */
  position: string | null;
  hash: string | null;
  ends_well: boolean | null;
}

/**
 * Verifies some acts (`limit`, or one more) behind the place `after`, each with the row before it as that is now: retention may have removed it since the part before was verified. Holes are read only
 * if there is one among them.
 */
export const verifyAuditPart = defineStatement<ChainPartRow>()({
  name: 'verify_audit_part',
  params: { after: 'bigint', limit: 'integer' },
  text: `
WITH span AS MATERIALIZED (
  SELECT a.*
  FROM tasker.tasker_audit a
  WHERE a.position >= coalesce((SELECT max(b.position) FROM tasker.tasker_audit b WHERE b.position <= :after), 0)
  ORDER BY a.position
  LIMIT :limit + 1
), links AS MATERIALIZED (${linksOf('span')}
), part AS MATERIALIZED (
  SELECT p.*
  FROM (${placesOf('links', '(SELECT bool_or(l.position > :after AND l.position <> l.position_before + 1) FROM links l)')}) p
  WHERE p.position > :after
)
SELECT (SELECT max(p.position) FROM part p) AS last, (
    SELECT jsonb_build_object('audit_id', p.audit_id::text, 'position', p.position::text)
    FROM part p
    WHERE NOT p.is_sound
    ORDER BY p.position
    LIMIT 1
  ) AS broken, h.position, h.hash,
  h.position = coalesce((SELECT max(a.position) FROM tasker.tasker_audit a), 0)
    AND h.hash = coalesce((SELECT a.hash FROM tasker.tasker_audit a WHERE a.position = h.position), '') AS ends_well
FROM (SELECT 1) one
LEFT JOIN tasker.tasker_audit_head h ON true`,
});

/** Acts in all, and empty places up to `position`. Reads the table without anything that it has to compute. */
export const countAudit = defineStatement<{ acts: number; removed: number }>()({
  name: 'count_audit',
  params: { position: 'bigint' },
  text: `
SELECT count(*)::float8 AS acts,
  greatest(0, :position - count(*) FILTER (WHERE a.position <= :position))::float8 AS removed
FROM tasker.tasker_audit a`,
});
