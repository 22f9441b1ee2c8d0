import { PLACES, recordOf } from '../statements/acts/audit.ts';
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

/** The end of the chain, and the first place at which it is broken. One pass over the table. */
export const verifyAudit = defineStatement<{
  acts: number;
  removed: number;
  position: string;
  hash: string;
  broken: { audit_id: string | null; position: string | null } | null;
}>()({
  name: 'verify_audit',
  text: `
SELECT (SELECT count(*)::float8 FROM tasker.tasker_audit) AS acts,
  greatest(0, coalesce(h.position, 0) - (SELECT count(*) FROM tasker.tasker_audit a WHERE a.position IS NOT NULL))::float8 AS removed,
  coalesce(h.position, 0) AS position, coalesce(h.hash, '') AS hash, (
    SELECT jsonb_build_object('audit_id', b.audit_id::text, 'position', b.position::text)
    FROM (${BROKEN_CHAIN}
    ) b
    ORDER BY b.position NULLS LAST
    LIMIT 1
  ) AS broken
FROM (SELECT 1) one
LEFT JOIN tasker.tasker_audit_head h ON true`,
});
