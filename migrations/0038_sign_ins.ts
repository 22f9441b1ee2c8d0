import { type Kysely, sql } from 'kysely';

/** People who signed in to the HTTP API with an OpenID provider. A new table, which nothing else in the engine reads. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_sign_ins (
      sign_in_id text NOT NULL PRIMARY KEY,
      secret_hash text NOT NULL,
      issuer text NOT NULL,
      subject text NOT NULL,
      name text NOT NULL,
      role_values text[] NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      expires_at timestamptz NOT NULL,
      ended_at timestamptz,
      ended_by text,
      CONSTRAINT sign_ins_have_a_hash CHECK (secret_hash ~ '^[0-9a-f]{64}$')
    )`.execute(db);
  // What has ended long ago is deleted in portions.
  await sql`CREATE INDEX sign_ins_by_end ON tasker.tasker_sign_ins (expires_at)`.execute(db);
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE tasker.tasker_sign_ins`.execute(db);
}

const COMMENTS: Readonly<Record<string, string>> = {
  'TABLE tasker.tasker_sign_ins':
    'One row per sign-in of a person with the OpenID provider (TASKER_API_AUTH=oidc), for 30 days after its end.',
  'COLUMN tasker.tasker_sign_ins.sign_in_id': 'The part of the cookie that is no secret.',
  'COLUMN tasker.tasker_sign_ins.secret_hash': 'SHA-256 of the secret part, in hexadecimal.',
  'COLUMN tasker.tasker_sign_ins.issuer': 'The provider: a sign-in with another one than is configured now is refused.',
  'COLUMN tasker.tasker_sign_ins.subject': 'Who, as the provider has it for ever.',
  'COLUMN tasker.tasker_sign_ins.name': 'Who, as people call them; the `by` of acts in the history.',
  'COLUMN tasker.tasker_sign_ins.role_values':
    'What of the claim of the roles the configuration named; what it allows is decided at each request.',
  'COLUMN tasker.tasker_sign_ins.created_at': 'When the person signed in.',
  'COLUMN tasker.tasker_sign_ins.expires_at': 'From when on it is refused.',
  'COLUMN tasker.tasker_sign_ins.ended_at': 'Since when it is refused: the person signed out, or somebody ended it.',
  'COLUMN tasker.tasker_sign_ins.ended_by': 'Who ended it; null: the person signed out.',
};
