import { defineStatement } from '../../statement.ts';

/** A sign-in of a person, without its secret. */
export interface SignInRow {
  sign_in_id: string;
  issuer: string;
  subject: string;
  name: string;
  role_values: string[];
  created_at: Date;
  expires_at: Date;
  ended_at: Date | null;
  /** Null: the person signed out. */
  ended_by: string | null;
}

const COLUMNS = 'sign_in_id, issuer, subject, name, role_values, created_at, expires_at, ended_at, ended_by';

/** The sign-in with this id if it is good now, by the clock of the database. */
export const findSignIn = defineStatement<SignInRow & { secret_hash: string }>()({
  name: 'find_sign_in',
  params: { sign_in_id: 'text' },
  text: `
SELECT ${COLUMNS}, secret_hash
FROM tasker.tasker_sign_ins
WHERE sign_in_id = :sign_in_id AND ended_at IS NULL AND expires_at > clock_timestamp()`,
});

export const insertSignIn = defineStatement()({
  name: 'insert_sign_in',
  params: {
    sign_in_id: 'text',
    secret_hash: 'text',
    issuer: 'text',
    subject: 'text',
    name: 'text',
    role_values: 'text[]',
    seconds: 'float8',
  },
  text: `
INSERT INTO tasker.tasker_sign_ins (sign_in_id, secret_hash, issuer, subject, name, role_values, expires_at)
VALUES (:sign_in_id, :secret_hash, :issuer, :subject, :name, :role_values,
  clock_timestamp() + :seconds::float8 * interval '1 second')`,
});

/** Those that are good now, the newest first. */
export const listSignIns = defineStatement<SignInRow>()({
  name: 'list_sign_ins',
  text: `
SELECT ${COLUMNS}
FROM tasker.tasker_sign_ins
WHERE ended_at IS NULL AND expires_at > clock_timestamp()
ORDER BY created_at DESC, sign_in_id
LIMIT 1000`,
});

/** One that has ended before keeps its time. */
export const endSignIn = defineStatement<SignInRow>()({
  name: 'end_sign_in',
  params: { sign_in_id: 'text', ended_by: 'text | null' },
  text: `
UPDATE tasker.tasker_sign_ins
SET ended_at = coalesce(ended_at, clock_timestamp()), ended_by = CASE WHEN ended_at IS NULL THEN :ended_by ELSE ended_by END
WHERE sign_in_id = :sign_in_id
RETURNING ${COLUMNS}`,
});

/**
 * Whether somebody has ended a sign-in of this person since then, and the person had not signed in anew before `resumed_at`. To sign out is
 * another thing.
 */
export const hasEndedSignIn = defineStatement<{ ended: boolean }>()({
  name: 'has_ended_sign_in',
  params: { subject: 'text', since: 'timestamptz', resumed_at: 'timestamptz' },
  text: `
SELECT EXISTS (
  SELECT
  FROM tasker.tasker_sign_ins e
  WHERE e.subject = :subject AND e.ended_by IS NOT NULL AND e.ended_at > :since
    AND NOT EXISTS (
      SELECT
      FROM tasker.tasker_sign_ins s
      WHERE s.subject = e.subject AND s.created_at > e.ended_at AND s.created_at < :resumed_at)
) AS ended`,
});

/** A portion of those that ended more than 30 days ago. */
export const deleteOldSignIns = defineStatement()({
  name: 'delete_old_sign_ins',
  params: { limit: 'integer' },
  text: `
WITH old AS (
  SELECT s.sign_in_id
  FROM tasker.tasker_sign_ins s
  WHERE s.expires_at < clock_timestamp() - interval '30 days'
  ORDER BY s.expires_at
  LIMIT :limit
  FOR UPDATE SKIP LOCKED
)
DELETE FROM tasker.tasker_sign_ins s
USING old o
WHERE s.sign_in_id = o.sign_in_id`,
});
