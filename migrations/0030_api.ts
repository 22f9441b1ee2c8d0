import { type Kysely, sql } from 'kysely';

/**
 * What `tasker api` remembers: its keys, the responses to writes that have an idempotency key, and the secret by which its cursors are
 * signed, the same for all of its processes. New tables, which nothing else in the engine reads.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE tasker.tasker_api_keys (
      key_id text NOT NULL PRIMARY KEY,
      name text NOT NULL,
      secret_hash text NOT NULL,
      role text NOT NULL,
      payload boolean NOT NULL DEFAULT false,
      namespaces text[],
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      expires_at timestamptz,
      last_used_at timestamptz,
      revoked_at timestamptz,
      CONSTRAINT api_keys_have_a_hash CHECK (secret_hash ~ '^[0-9a-f]{64}$'),
      CONSTRAINT api_keys_have_namespaces CHECK (namespaces IS NULL OR cardinality(namespaces) > 0)
    )`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_api_requests (
      principal text NOT NULL,
      route text NOT NULL,
      request_key text NOT NULL,
      body_hash text NOT NULL,
      status smallint NOT NULL,
      response text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (principal, route, request_key)
    )`.execute(db);
  // What is older than a day is deleted in portions.
  await sql`CREATE INDEX api_requests_by_age ON tasker.tasker_api_requests (created_at)`.execute(db);
  await sql`
    CREATE TABLE tasker.tasker_api_secrets (
      name text NOT NULL PRIMARY KEY,
      secret text NOT NULL DEFAULT gen_random_uuid()::text || gen_random_uuid()::text
    )`.execute(db);
  await sql`INSERT INTO tasker.tasker_api_secrets (name) VALUES ('cursors')`.execute(db);
  for (const [name, meaning] of Object.entries(COMMENTS)) {
    await sql`COMMENT ON ${sql.raw(name)} IS ${sql.lit(meaning)}`.execute(db);
  }
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE tasker.tasker_api_secrets`.execute(db);
  await sql`DROP TABLE tasker.tasker_api_requests`.execute(db);
  await sql`DROP TABLE tasker.tasker_api_keys`.execute(db);
}

const COMMENTS: Readonly<Record<string, string>> = {
  'TABLE tasker.tasker_api_keys': 'One row per key of the HTTP API, also those that were revoked or have expired.',
  'COLUMN tasker.tasker_api_keys.key_id': 'The part of the key that is no secret: `tsk_<id>_<secret>`.',
  'COLUMN tasker.tasker_api_keys.name':
    'Who uses it, in the words of whoever made it; the `by` of acts in the history.',
  'COLUMN tasker.tasker_api_keys.secret_hash':
    'SHA-256 of the secret part, in hexadecimal. The secret has 256 random bits, so a slow hash would add nothing.',
  'COLUMN tasker.tasker_api_keys.role': 'What it may do: `viewer`, `submitter`, `operator` or `admin`.',
  'COLUMN tasker.tasker_api_keys.payload': 'Whether it may read inputs, results and the messages of errors.',
  'COLUMN tasker.tasker_api_keys.namespaces': 'The namespaces whose workflows it may see; null: all.',
  'COLUMN tasker.tasker_api_keys.created_at': 'When it was made.',
  'COLUMN tasker.tasker_api_keys.expires_at': 'From when on it is refused; null: never.',
  'COLUMN tasker.tasker_api_keys.last_used_at': 'When it was last accepted, to a minute.',
  'COLUMN tasker.tasker_api_keys.revoked_at':
    'Since when it is refused because an operator revoked it; null: it was not.',
  'TABLE tasker.tasker_api_requests':
    'One row per write of the HTTP API that had an Idempotency-Key and succeeded, for a day.',
  'COLUMN tasker.tasker_api_requests.principal': 'Who asked.',
  'COLUMN tasker.tasker_api_requests.route': 'The operation of the API, with the task that it is about.',
  'COLUMN tasker.tasker_api_requests.request_key': 'The Idempotency-Key of the request.',
  'COLUMN tasker.tasker_api_requests.body_hash': 'SHA-256 of the body: another body under the same key is refused.',
  'COLUMN tasker.tasker_api_requests.status': 'The HTTP status of the answer.',
  'COLUMN tasker.tasker_api_requests.response': 'The body of the answer, as JSON text.',
  'COLUMN tasker.tasker_api_requests.created_at':
    'When it was answered. It commits together with what the request did.',
  'TABLE tasker.tasker_api_secrets': 'Secrets that all processes of the HTTP API share.',
  'COLUMN tasker.tasker_api_secrets.name': '`cursors`: the key by which cursors are signed.',
  'COLUMN tasker.tasker_api_secrets.secret': 'Random, made by the migration. A new one makes every cursor invalid.',
};
