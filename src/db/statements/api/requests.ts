import { defineStatement } from '../../statement.ts';

/** False: a request with the same key is being worked on. Held to the end of the transaction. */
export const lockApiRequest = defineStatement<{ locked: boolean }>()({
  name: 'lock_api_request',
  params: { principal: 'text', route: 'text', request_key: 'text' },
  text: `
SELECT pg_try_advisory_xact_lock(hashtextextended(jsonb_build_array('tasker.api', :principal::text, :route::text, :request_key::text)::text, 0)) AS locked`,
});

/** The answer to an earlier request with this key, for a day. */
export const findApiRequest = defineStatement<{ body_hash: string; status: number; response: string }>()({
  name: 'find_api_request',
  params: { principal: 'text', route: 'text', request_key: 'text' },
  text: `
SELECT body_hash, status, response
FROM tasker.tasker_api_requests
WHERE principal = :principal AND route = :route AND request_key = :request_key
  AND created_at > clock_timestamp() - interval '1 day'`,
});

/** Replaces an answer that is older than a day and was not deleted yet. */
export const insertApiRequest = defineStatement()({
  name: 'insert_api_request',
  params: {
    principal: 'text',
    route: 'text',
    request_key: 'text',
    body_hash: 'text',
    status: 'smallint',
    response: 'text',
  },
  text: `
INSERT INTO tasker.tasker_api_requests (principal, route, request_key, body_hash, status, response)
VALUES (:principal, :route, :request_key, :body_hash, :status, :response)
ON CONFLICT (principal, route, request_key) DO UPDATE
SET body_hash = EXCLUDED.body_hash,
    status = EXCLUDED.status,
    response = EXCLUDED.response,
    created_at = EXCLUDED.created_at`,
});

/** Deletes responses that are older than a day, a bounded number at once; skips what another process deletes. */
export const deleteOldApiRequests = defineStatement<{ deleted: number }>()({
  name: 'delete_old_api_requests',
  params: { limit: 'integer' },
  text: `
WITH old AS (
  SELECT r.principal, r.route, r.request_key
  FROM tasker.tasker_api_requests r
  WHERE r.created_at < clock_timestamp() - interval '1 day'
  ORDER BY r.created_at
  LIMIT :limit
  FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM tasker.tasker_api_requests r
  USING old o
  WHERE r.principal = o.principal AND r.route = o.route AND r.request_key = o.request_key
  RETURNING 1
)
SELECT count(*)::integer AS deleted FROM gone`,
});

/** A secret that all processes of the API share. */
export const findApiSecret = defineStatement<{ secret: string }>()({
  name: 'find_api_secret',
  params: { name: 'text' },
  text: `SELECT secret FROM tasker.tasker_api_secrets WHERE name = :name`,
});
