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

/** Whether acts wait for their place in the chain, and whether pauses have ended by themselves. */
export const findUnsealed = defineStatement<{ found: boolean; pauses_ended: boolean }>()({
  name: 'find_unsealed',
  text: `
SELECT EXISTS (SELECT FROM tasker.tasker_audit a WHERE a.position IS NULL) AS found,
  EXISTS (SELECT FROM tasker.tasker_pauses p WHERE p.until <= clock_timestamp()) AS pauses_ended`,
});

/** Whoever extends the chain holds this row to the end of the transaction. */
export const lockAuditHead = defineStatement<{ position: string; hash: string }>()({
  name: 'lock_audit_head',
  text: `SELECT h.position, h.hash FROM tasker.tasker_audit_head h FOR UPDATE`,
});

/**
 * Gives the first `size` acts without one their place in the chain, in the order of their ids, and returns their number. The head is
 * locked by a statement before this one, whose snapshot therefore has every place that was given.
 */
export const sealAudit = defineStatement<{ sealed: number }>()({
  name: 'seal_audit',
  params: { size: 'integer' },
  text: `
WITH RECURSIVE open AS MATERIALIZED (
  SELECT o.audit_id, row_number() OVER (ORDER BY o.audit_id) AS place, o.record
  FROM (
    SELECT a.audit_id, ${recordOf('a')} AS record
    FROM tasker.tasker_audit a
    WHERE a.position IS NULL
    ORDER BY a.audit_id
    LIMIT :size
  ) o
), chain (place, audit_id, position, hash) AS (
  SELECT 0::bigint, NULL::bigint, h.position, h.hash FROM tasker.tasker_audit_head h
  UNION ALL
  SELECT o.place, o.audit_id, c.position + 1, ${chained('c.hash', 'o.record')}
  FROM chain c
  JOIN open o ON o.place = c.place + 1
), sealed AS (
  UPDATE tasker.tasker_audit a
  SET position = c.position, hash = c.hash
  FROM chain c
  WHERE a.audit_id = c.audit_id
  RETURNING a.position, a.hash
), head AS (
  UPDATE tasker.tasker_audit_head h
  SET position = s.position, hash = s.hash
  FROM (SELECT position, hash FROM sealed ORDER BY position DESC LIMIT 1) s
)
SELECT count(*)::integer AS sealed FROM sealed`,
});
