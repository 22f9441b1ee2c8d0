import { type Kysely, sql } from 'kysely';

/** The audit of operators' acts, chained by hashes, and what is paused. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_audit (
      audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT clock_timestamp(),
      act text NOT NULL,
      subject text NOT NULL,
      subject_id text NOT NULL,
      by text NOT NULL,
      reason text,
      outcome text NOT NULL,
      refused boolean NOT NULL,
      before_hash text,
      after_hash text,
      details jsonb NOT NULL DEFAULT '{}',
      position bigint,
      hash text,
      CONSTRAINT audit_position UNIQUE (position),
      CONSTRAINT audit_sealed CHECK ((position IS NULL) = (hash IS NULL))
    )`.execute(db);
  await sql`CREATE INDEX audit_of_subject ON tasker.tasker_audit (subject, subject_id, audit_id)`.execute(db);
  await sql`CREATE INDEX audit_open ON tasker.tasker_audit (audit_id) WHERE position IS NULL`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_audit_head (
      head boolean PRIMARY KEY DEFAULT true,
      position bigint NOT NULL,
      hash text NOT NULL,
      CONSTRAINT audit_one_head CHECK (head)
    )`.execute(db);
  await sql`INSERT INTO tasker.tasker_audit_head (position, hash) VALUES (0, '')`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_pauses (
      kind text NOT NULL,
      name text NOT NULL,
      by text NOT NULL,
      reason text,
      paused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      until timestamptz,
      PRIMARY KEY (kind, name),
      CONSTRAINT pauses_kind CHECK (kind IN ('queue', 'workflow'))
    )`.execute(db);
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const table of ['tasker_pauses', 'tasker_audit_head', 'tasker_audit'])
    await sql`DROP TABLE ${sql.raw(`tasker.${table}`)}`.execute(db);
}

const COMMENTS: Readonly<Record<string, string>> = {
  'TABLE tasker.tasker_audit':
    'One row per act of an operator, refusals included, written in the transaction of the act. No program changes or deletes a row; a scheduler gives it its place in the chain.',
  'COLUMN tasker.tasker_audit.audit_id': 'Key, in the order in which the acts were written.',
  'COLUMN tasker.tasker_audit.at': 'When, by the clock of the database.',
  'COLUMN tasker.tasker_audit.act': 'What was done, such as `task.retry` or `queue.pause`.',
  'COLUMN tasker.tasker_audit.subject':
    'The kind of thing that it was done to: `task`, `step`, `queue`, `workflow`, `schedule`.',
  'COLUMN tasker.tasker_audit.subject_id': 'Which one: an id, a name, or `task id/step`.',
  'COLUMN tasker.tasker_audit.by': 'Who, as the caller gave it.',
  'COLUMN tasker.tasker_audit.reason': 'Why, as the caller gave it.',
  'COLUMN tasker.tasker_audit.outcome': 'What came of it, as the verb returns it.',
  'COLUMN tasker.tasker_audit.refused': 'The act changed nothing: it was not possible, or not allowed.',
  'COLUMN tasker.tasker_audit.before_hash': 'SHA-256 of the text that the act replaced; null: it replaced none.',
  'COLUMN tasker.tasker_audit.after_hash': 'SHA-256 of the text that the act stored; null: it stored none.',
  'COLUMN tasker.tasker_audit.details': 'The numbers and names of the outcome. No inputs and no results.',
  'COLUMN tasker.tasker_audit.position':
    'Place in the chain, from 1 without gaps; null: it has none yet, for some seconds.',
  'COLUMN tasker.tasker_audit.hash': 'SHA-256 of the hash of the position before and this row as a text.',
  'TABLE tasker.tasker_audit_head': 'The last place of the chain: one row.',
  'COLUMN tasker.tasker_audit_head.head': 'Always true.',
  'COLUMN tasker.tasker_audit_head.position': 'The highest position; 0: none.',
  'COLUMN tasker.tasker_audit_head.hash': 'The hash at that position.',
  'TABLE tasker.tasker_pauses': 'Queues and workflows of which nothing is claimed.',
  'COLUMN tasker.tasker_pauses.kind': '`queue` or `workflow`.',
  'COLUMN tasker.tasker_pauses.name': 'The name of the queue, or `namespace/name` of the workflow: all its versions.',
  'COLUMN tasker.tasker_pauses.by': 'Who paused it.',
  'COLUMN tasker.tasker_pauses.reason': 'Why.',
  'COLUMN tasker.tasker_pauses.paused_at': 'Since when.',
  'COLUMN tasker.tasker_pauses.until': 'When the pause ends by itself; null: when somebody ends it.',
};
