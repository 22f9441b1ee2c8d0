import { defineStatement } from '../statement.ts';

export interface ServerConnectionsRow {
  max_connections: number;
  /** superuser_reserved_connections and, from PostgreSQL 16 on, reserved_connections. */
  reserved: number;
  /** Client backends now, on all databases. */
  used: number;
  schedulers: number;
  workers: number;
  /** Client backends of processes of the API on this database, now. */
  api_connections: number;
  /** CONNECTION LIMIT of the login role and of the database. Null: no limit is set, or the role is a superuser, which has none. */
  role_limit: number | null;
  role_used: number;
  database_limit: number | null;
  database_used: number;
}

/** The connections that the server, the role and the database allow and have, and the live processes of the fleet. */
export const serverConnections = defineStatement<ServerConnectionsRow>()({
  name: 'server_connections',
  text: `
SELECT current_setting('max_connections')::integer AS max_connections,
  current_setting('superuser_reserved_connections')::integer
    + coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::integer AS reserved,
  (SELECT count(*)::integer FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
  (SELECT count(*)::integer FROM tasker.tasker_workers WHERE stopped_at IS NULL AND role = 'scheduler') AS schedulers,
  (SELECT count(*)::integer FROM tasker.tasker_workers WHERE stopped_at IS NULL AND role = 'worker') AS workers,
  (SELECT count(*)::integer FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND datid = d.oid AND application_name LIKE 'tasker api%') AS api_connections,
  CASE WHEN NOT r.rolsuper AND r.rolconnlimit >= 0 THEN r.rolconnlimit END AS role_limit,
  (SELECT count(*)::integer FROM pg_stat_activity WHERE backend_type = 'client backend' AND usesysid = r.oid) AS role_used,
  CASE WHEN NOT r.rolsuper AND d.datconnlimit >= 0 THEN d.datconnlimit END AS database_limit,
  (SELECT count(*)::integer FROM pg_stat_activity WHERE backend_type = 'client backend' AND datid = d.oid) AS database_used
FROM pg_roles r, pg_database d
WHERE r.rolname = session_user AND d.datname = current_database()`,
});

/** Client backends by application name, the most frequent name first. */
export const connectionsByApplication = defineStatement<{ application: string; connections: number }>()({
  name: 'connections_by_application',
  text: `
SELECT coalesce(nullif(application_name, ''), '(no name)') AS application, count(*)::integer AS connections
FROM pg_stat_activity
WHERE backend_type = 'client backend'
GROUP BY 1
ORDER BY 2 DESC, 1`,
});
