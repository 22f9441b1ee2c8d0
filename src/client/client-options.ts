import type { PasswordSource } from '../db/connections/password.ts';
import type { State } from '../workflow/states.ts';

export interface ClientOptions {
  url: string;
  /** Default `tasker`. */
  schema?: string;
  /** Default 4. */
  poolSize?: number;
  applicationName?: string;
  /** False behind a transaction pooler older than PgBouncer 1.21. Default true. */
  preparedStatements?: boolean;
  /** The URL leads to a transaction pooler. Default: not `preparedStatements`. A pooler with another server pid is detected anyway. */
  pooled?: boolean;
  /** Notify workers of new work, so that they need not wait for their next poll. Default true. */
  notify?: boolean;
  /** Schema of the cron tables. Default: `schema` with `_cron` behind it. */
  cronSchema?: string;
  /** Show no value of an input in InvalidInputError, neither in its message nor in its details. Default false: no secrets. */
  hideInputValues?: boolean;
  /** Called at each new connection, instead of the password in the URL: for one that is rotated, or a token that expires. */
  password?: PasswordSource | undefined;
}

export interface ListTasksOptions {
  states?: readonly State[];
  namespace?: string;
  workflow?: string;
  /** Only tasks with a lower id: the last id of the page before. */
  after?: string;
  /** 1 to 1,000, default 50. */
  limit?: number;
}

export interface WaitOptions {
  /** How long to wait; Infinity: without a limit. Default 60,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}
