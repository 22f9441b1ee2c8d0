import { defineStatement } from '../../statement.ts';

/** A key of the HTTP API, without its secret. */
export interface ApiKeyRow {
  key_id: string;
  name: string;
  role: string;
  payload: boolean;
  namespaces: string[] | null;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  revoked_at: Date | null;
}

const COLUMNS = 'key_id, name, role, payload, namespaces, created_at, expires_at, last_used_at, revoked_at';

/** The key with this id if it is good now, by the clock of the database. */
export const findApiKey = defineStatement<ApiKeyRow & { secret_hash: string }>()({
  name: 'find_api_key',
  params: { key_id: 'text' },
  text: `
SELECT ${COLUMNS}, secret_hash
FROM tasker.tasker_api_keys
WHERE key_id = :key_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())`,
});

/** Written once a minute at most, so that a key in use costs no write for each request. */
export const touchApiKey = defineStatement()({
  name: 'touch_api_key',
  params: { key_id: 'text' },
  text: `
UPDATE tasker.tasker_api_keys SET last_used_at = clock_timestamp()
WHERE key_id = :key_id AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')`,
});

export const insertApiKey = defineStatement<ApiKeyRow>()({
  name: 'insert_api_key',
  params: {
    key_id: 'text',
    name: 'text',
    secret_hash: 'text',
    role: 'text',
    payload: 'boolean',
    namespaces: 'text[] | null',
    expires_in_seconds: 'float8 | null',
  },
  text: `
INSERT INTO tasker.tasker_api_keys (key_id, name, secret_hash, role, payload, namespaces, expires_at)
VALUES (:key_id, :name, :secret_hash, :role, :payload, :namespaces,
  clock_timestamp() + :expires_in_seconds::float8 * interval '1 second')
RETURNING ${COLUMNS}`,
});

/** All keys, the newest first. */
export const listApiKeys = defineStatement<ApiKeyRow>()({
  name: 'list_api_keys',
  text: `
SELECT ${COLUMNS}
FROM tasker.tasker_api_keys
ORDER BY created_at DESC, key_id`,
});

/** A key that was revoked before keeps its time. */
export const revokeApiKey = defineStatement<ApiKeyRow>()({
  name: 'revoke_api_key',
  params: { key_id: 'text' },
  text: `
UPDATE tasker.tasker_api_keys SET revoked_at = coalesce(revoked_at, clock_timestamp())
WHERE key_id = :key_id
RETURNING ${COLUMNS}`,
});
