/**
 * Server settings for a developer's machine or a CI runner. A caller's own settings win, one by one.
 * Durability stays as PostgreSQL ships it (fsync and synchronous_commit on): a demo that survives `kill -9` must be honest.
 */
export const defaultSettings: Readonly<Record<string, string>> = {
  // Loopback only, and no unix socket: its path is limited to about 100 bytes, which a deep checkout exceeds.
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // A fleet of ten processes with pools of ten, an API, a scheduler with pg-boss and a psql session fit.
  max_connections: '200',
  // Enough for a million small steps to stay in memory, small enough for a laptop that runs other things.
  shared_buffers: '256MB',
  // A burst of completions writes about 1 GB of WAL in five minutes; the default would force checkpoints all the time.
  max_wal_size: '2GB',
  // The statistics that the operations guide explains: statement times and the I/O behind them.
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'all',
  track_io_timing: 'on',
  // The step table is updated all the time: vacuum soon and in short runs rather than late and long.
  autovacuum_naptime: '15s',
  autovacuum_vacuum_scale_factor: '0.05',
  // A client that dies inside a transaction would otherwise hold its row locks for ever.
  idle_in_transaction_session_timeout: '60s',
  // Notices a killed client's socket in seconds while a statement of it still runs.
  client_connection_check_interval: '5s',
  // The log of a development server should show lock waits and slow statements.
  log_lock_waits: 'on',
  log_min_duration_statement: '1s',
  log_line_prefix: '%m [%p] %q%a ',
  // Timestamps in the log, and sessions without a setting of their own, use the same zone.
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** Settings as server arguments. An argument outranks postgresql.conf, so a restart with other settings takes effect. */
export function settingArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
