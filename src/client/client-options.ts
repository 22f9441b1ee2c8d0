import type { CallersTransaction } from '../db/connections/callers-transaction.ts';
import type { ArchiveSettings } from '../archive/stores/open-store.ts';
import type { PasswordSource } from '../db/connections/password-source.ts';
import type { ReportFallback } from '../reads/report-reader.ts';
import type { TraceMode } from '../tracing/trace-mode.ts';
import type { TaskFilter } from '../reads/task-filter.ts';

/** Which fleet a client talks to, and how. */
export interface ClientOptions {
  /** `postgres://...` of the fleet's database. */
  url: string;
  /** The schema of the fleet's tables. Default `tasker`. */
  schema?: string;
  /** The most connections, 1 to 1,000. Default 4. */
  poolSize?: number;
  /** Shown by `pg_stat_activity`. Default `tasker client`. */
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
  /** Refuse acts without a `reason`, with InvalidInputError; dry runs need none. Default false. */
  requireReason?: boolean;
  /** Called at each new connection, instead of the password in the URL: for one that is rotated, or a token that expires. */
  password?: PasswordSource | undefined;
  report?: ReportOptions | undefined;
  /** Of the whole process, if it has registered an OpenTelemetry SDK; see docs/guides/tracing.md. Default `link`. */
  trace?: TraceMode | undefined;
  /** Where people find the dashboard, `https://tasker.example/ui/`: the span with which a task begins then has its page as `tasker.url`. */
  dashboardUrl?: string | undefined;
  /** Where the fleet has its archive: for `client.archive`, and for a purge of archived tasks. */
  archive?: ArchiveSettings | undefined;
}

/** A streaming replica of the fleet's server, from which lists of tasks and `workflows()` are read. */
export interface ReportOptions {
  /** `postgres://...` of the replica, with the same database. */
  url: string;
  /** How far it may be behind. Default 60. */
  maxLagSeconds?: number;
  /** While it is further behind or away: read from the primary (default), or throw ReportUnavailableError. */
  fallback?: ReportFallback;
}

/** Of each action that can take part in a transaction of the caller. */
export interface InTransaction {
  /** An open transaction of the caller, with whose commit the action takes effect; see `tasker-fleet/transactions`. */
  transaction?: CallersTransaction | undefined;
}

/** Filters and pages of `listTasks`. */
export interface ListTasksOptions extends TaskFilter {
  /** Only tasks with a lower id: the last id of the page before. */
  after?: string | undefined;
  /** 1 to 1,000, default 50. */
  limit?: number;
}

/** Filters and pages of `taskPage`. */
export interface TaskPageOptions extends ListTasksOptions {
  /** `nextCursor` of the page before, instead of `after`. It has the filters of its list, so they can be left out. */
  cursor?: string | undefined;
}

/** How long to wait for the end of a task. */
export interface WaitOptions {
  /** How long to wait; Infinity: without a limit. Default 60,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Which runs `stats` adds up. */
export interface RunStatsOptions {
  /** From the full hour of this time on. Default: 24 hours ago. */
  since?: Date;
  namespace?: string;
  workflow?: string;
  /** Also each step of the workflows. Default false. */
  steps?: boolean;
}
