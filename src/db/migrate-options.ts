import type { PasswordSource } from './connections/password-source.ts';

/** Which schema is migrated, and how long locks may take. */
export interface MigrateOptions {
  /** Default `tasker`. */
  schema?: string;
  /** Instead of the password in the URL. */
  password?: PasswordSource | undefined;
  /** How long to wait for another process that migrates. Default 120. */
  waitSeconds?: number;
  /** How long one statement waits for a lock before it gives up, lets others pass, and tries again. Default 500. */
  lockTimeoutMs?: number;
  /** Called with a warning if something works, but not as it should. */
  onWarning?: (message: string) => void;
  /** Called for each migration. Those that an empty database gets by one script share the seconds of it. */
  onApplied?: (name: string, direction: 'up' | 'down', seconds: number) => void;
}

/** For code of this package that has something to do while an empty database gets its tables. */
export interface WatchedMigrateOptions extends MigrateOptions {
  /** Called when the script that makes the whole schema was sent: what follows for a while is the server's work. */
  onScript?: () => void;
}
