import type pg from 'pg';
import type { ClientConfig } from 'pg';
import { readDatabaseUrl } from '../../config/database-url.ts';
import { ConfigError, DatabaseBusyError, UnsuitableDatabaseError } from '../../errors.ts';
import { clientClass } from './password.ts';
import type { PasswordSource } from './password-source.ts';
import { EVERY_SESSION, OLDEST_SERVER, type SessionSetting } from './session-settings.ts';

export interface SessionOptions {
  url: string;
  /** The application name of the session. A name in the URL is put behind it. */
  applicationName: string;
  /** DATABASE_URL leads to a transaction pooler, by its user's configuration. A pooler that is detected by the server's pid counts too. */
  pooled?: boolean;
  /** Instead of the password in the URL; called at each connection. */
  password?: PasswordSource | undefined;
  /** Ends a statement on the server. Default: none. */
  statementTimeoutMs?: number;
  /** What this kind of session needs in addition to EVERY_SESSION. */
  settings?: readonly SessionSetting[];
}

/** The part of a pg client that is used here. Its types lack processID, the pid that the server announced at the start. */
interface SessionClient {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
  once(event: 'end', listener: () => void): unknown;
}

/** How sessions of one kind begin. */
export interface Session {
  /** The options for a client or a pool of pg. */
  readonly config: ClientConfig;
  /** The class of its connections: for `new`, or a pool's `Client`. */
  readonly Client: typeof pg.Client;
  /**
   * Runs the first statement of a session: one round trip. Rejects with UnsuitableDatabaseError if the fleet cannot work on this
   * server.
   */
  prepare(client: SessionClient): Promise<void>;
  /** Statements that set what this kind needs in addition to EVERY_SESSION, and its time limit, until the end of a transaction. */
  readonly local: string;
  /** Whether the newest session came through a pooler. Undefined before the first. */
  readonly proxied: boolean | undefined;
  /**
   * The error of whoever waited for a connection of a full pool, as what it means: pg has one error for a pool whose sessions are all in use and for one that
   * waits for its first session, which a server that cannot be reached never opens. Every other error as it is.
   */
  explained(error: unknown, poolSize: number): unknown;
}

/** Of pg's pool. */
const WAITED_FOR_CONNECTION = 'timeout exceeded when trying to connect';

interface FoundRow {
  name: string;
  found: string;
  direct: boolean;
}

/**
 * Sets what differs, and returns the values from before. set_config accepts 'off' and 'false' alike. An unknown name (of a later
 * version of PostgreSQL) has no current setting and is left out. A session belongs to this client if the pid that the server
 * announced at its start is the pid of the backend. A pooler announces another pid, and nothing is set on its sessions, because
 * other clients get them next.
 */
const PREPARE = `
SELECT w.name, w.found, w.direct,
  CASE WHEN w.direct AND w.value IS NOT NULL THEN pg_catalog.set_config(w.name, w.value, false) END AS value
FROM (
  SELECT s.name, nullif(s.value, '(read)') AS value, s.at_most, pg_catalog.current_setting(s.name, true) AS found,
    pg_catalog.pg_backend_pid() = $4::integer AS direct
  FROM unnest($1::text[], $2::text[], $3::boolean[]) AS s (name, value, at_most)
) w
WHERE w.found IS DISTINCT FROM w.value
  AND w.found IS NOT NULL
  AND CASE WHEN w.at_most THEN w.found::integer NOT BETWEEN 1 AND w.value::integer ELSE true END`;

const VERSION = 'server_version_num';

/** Throws ConfigError for a connection string that cannot be read, or that sets what the fleet cannot work with. */
export function session(options: SessionOptions): Session {
  const read = readDatabaseUrl(options.url);
  if (!read.ok) throw new ConfigError(`DATABASE_URL ${read.problem}`);
  const { connectionString, applicationName, channelBinding, settings: urlSettings } = read.url;
  const own = options.settings ?? [];
  const all: readonly SessionSetting[] = [
    ...EVERY_SESSION,
    ...own,
    { name: 'statement_timeout', value: String(options.statementTimeoutMs ?? 0) },
  ];
  // What a connection string sets is meant for this program: it is kept, unless the fleet cannot work with it.
  const wanted = all.filter((setting) => {
    const given = urlSettings.get(setting.name.toLowerCase());
    if (given === undefined) return true;
    const fits = setting.accepts?.(given) ?? (setting.pinned !== true || given.toLowerCase() === setting.value);
    if (!fits) {
      throw new ConfigError(
        `DATABASE_URL (or PGOPTIONS) sets ${setting.name} = ${given}, and this needs ${setting.value || "''"}: take it out of the options`,
        { setting: setting.name },
      );
    }
    return false;
  });
  const values = [
    [VERSION, ...wanted.map(({ name }) => name)],
    ['(read)', ...wanted.map(({ value }) => value)],
    [false, ...wanted.map(({ atMost }) => atMost ?? false)],
  ];
  const local = wanted
    .filter((setting) => !EVERY_SESSION.includes(setting))
    .map(({ name, value }) => `SET LOCAL ${name} = '${value}';`)
    .join(' ');
  let proxied: boolean | undefined;
  let open = 0;
  return {
    local,
    config: {
      connectionString,
      // The server cuts it at 63 bytes.
      application_name: [options.applicationName, ...(applicationName === undefined ? [] : [applicationName])].join(
        ' ',
      ),
      keepAlive: true,
      ...(channelBinding ? { enableChannelBinding: true } : {}),
    },
    Client: clientClass(options.password),
    async prepare(client) {
      const pid = options.pooled === true ? 0 : ((client as { processID?: number | null }).processID ?? 0);
      const rows = (await client.query(PREPARE, [...values, pid])).rows as FoundRow[];
      refuseOld(Number(rows.find(({ name }) => name === VERSION)?.found));
      proxied = rows[0]?.direct !== true;
      if (proxied) refuseUnfit(wanted, rows);
      open += 1;
      client.once('end', () => (open -= 1));
    },
    explained(error, poolSize) {
      if (open === 0 || !(error instanceof Error) || error.message !== WAITED_FOR_CONNECTION) return error;
      return new DatabaseBusyError(
        `no connection to the database became free in time (TASKER_CONNECT_TIMEOUT_MS): this pool has ${poolSize}, all in use; raise the size of the pool (TASKER_POOL_SIZE, poolSize), or find out which statements hold them`,
        { poolSize },
        { cause: error },
      );
    },
    get proxied() {
      return proxied;
    },
  };
}

function refuseOld(version: number): void {
  const major = Math.floor(version / 10_000);
  if (major >= OLDEST_SERVER) return;
  throw new UnsuitableDatabaseError(
    `this is PostgreSQL ${major}, and ${OLDEST_SERVER} is the oldest that works: upgrade the server`,
    { version },
  );
}

/** Behind a pooler a setting can only come from the database, the role or the pooler itself. */
function refuseUnfit(wanted: readonly SessionSetting[], rows: readonly FoundRow[]): void {
  const found = new Map(rows.map((row) => [row.name, row.found]));
  const unfit = wanted.filter(
    ({ name, accepts }) => accepts !== undefined && !accepts(found.get(name) ?? wantedValue(wanted, name)),
  );
  if (unfit.length === 0) return;
  const list = unfit.map(({ name }) => `${name} = ${found.get(name) ?? ''}`).join(', ');
  const fix = unfit.map(({ name, value }) => `ALTER ROLE ... IN DATABASE ... SET ${name} = '${value}'`).join('; ');
  throw new UnsuitableDatabaseError(
    `sessions of this pooler have ${list}, and the fleet sets nothing on a session that others get: ${fix}; then reconnect the pooler`,
    { settings: unfit.map(({ name }) => name) },
  );
}

const wantedValue = (wanted: readonly SessionSetting[], name: string): string =>
  wanted.find((setting) => setting.name === name)?.value ?? '';
