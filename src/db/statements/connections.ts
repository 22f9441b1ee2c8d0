import { statement } from '../statement.ts';

export interface ServerConnectionsRow {
  max_connections: number;
  /** superuser_reserved_connections and, from PostgreSQL 16 on, reserved_connections. */
  reserved: number;
  /** Client backends now, on all databases. */
  used: number;
  schedulers: number;
  workers: number;
}

/** What the server allows and has, and the processes of the fleet that are alive. */
export const serverConnections = statement<ServerConnectionsRow>(
  'server_connections',
  `
SELECT current_setting('max_connections')::integer AS max_connections,
  current_setting('superuser_reserved_connections')::integer
    + coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::integer AS reserved,
  (SELECT count(*)::integer FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
  (SELECT count(*)::integer FROM tasker.tasker_workers WHERE stopped_at IS NULL AND role = 'scheduler') AS schedulers,
  (SELECT count(*)::integer FROM tasker.tasker_workers WHERE stopped_at IS NULL AND role = 'worker') AS workers`,
);

/** Client backends by what they call themselves, the most first. */
export const connectionsByApplication = statement<{ application: string; connections: number }>(
  'connections_by_application',
  `
SELECT coalesce(nullif(application_name, ''), '(no name)') AS application, count(*)::integer AS connections
FROM pg_stat_activity
WHERE backend_type = 'client backend'
GROUP BY 1
ORDER BY 2 DESC, 1`,
);
