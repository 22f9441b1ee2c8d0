import type { Config } from '../config/config.ts';
import { usesPreparedStatements } from '../config/load-config.ts';
import { type Database, openDatabase } from '../db/connections/database.ts';
import { passwordOf } from '../db/connections/password.ts';
import type { ProcessRole } from '../metrics/catalogue.ts';

/** What the pool of a role reports. */
export interface DatabaseEvents {
  onQuery(statement: string, seconds: number, failed: boolean): void;
  onPoolError(error: Error): void;
}

/** The pool of a role, which may be open before the process around it is made. */
export interface RoleDatabase {
  readonly db: Database;
  /** Who gets its events from now on. */
  listener: DatabaseEvents | undefined;
  /** Its first session, if that was opened already. */
  readonly session?: Promise<void>;
}

export function openRoleDatabase(role: ProcessRole, config: Config): RoleDatabase {
  const isApi = role === 'api';
  const opened: RoleDatabase = {
    listener: undefined,
    db: openDatabase({
      url: isApi ? (config.apiDatabaseUrl ?? config.databaseUrl) : config.databaseUrl,
      schema: config.schema,
      poolSize: config.poolSize,
      applicationName: `tasker ${role}`,
      prepared: usesPreparedStatements(config),
      plans: role === 'worker' && !config.pooled ? 'pinned' : 'free',
      pooled: config.pooled,
      connectTimeoutMs: config.connectTimeoutMs,
      queryTimeoutMs: isApi ? config.apiQueryTimeoutMs : config.queryTimeoutMs,
      cancellable: isApi,
      password: passwordOf(config),
      onQuery: (...query) => opened.listener?.onQuery(...query),
      onPoolError: (error) => opened.listener?.onPoolError(error),
    }),
  };
  return opened;
}

/** Opens a session of the pool, for whatever comes next. */
export const openSession = ({ pool }: Pick<Database, 'pool'>): Promise<void> =>
  pool.connect().then((client) => client.release());

/** Opens the first session as well, without waiting for it. */
export function connectRoleDatabase(role: ProcessRole, config: Config): RoleDatabase {
  const opened = openRoleDatabase(role, config);
  const session = openSession(opened.db);
  // Whoever needs it gets the error, if there is one.
  session.catch(() => undefined);
  return Object.assign(opened, { session });
}
