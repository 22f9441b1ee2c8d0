import { type Database, openDatabase } from '../db/connections/database.ts';
import { ReportReader } from '../reads/report-reader.ts';
import { TaskWatcher } from '../reads/task-watcher.ts';
import type { ScheduleList } from '../schedules/schedule-list.ts';
import type { ValidationOptions } from '../workflow/validate-input.ts';
import { InvalidInputError } from '../errors.ts';
import { preview } from '../workflow/preview.ts';
import { setDashboardUrl, setTraceMode } from '../tracing/otel.ts';
import type { TraceMode } from '../tracing/trace-mode.ts';
import { ActGate } from './act-gate.ts';
import { ArchiveClient } from './archive-client.ts';
import { checkedWhole } from './checked.ts';
import type { ClientOptions } from './client-options.ts';
import { namingMissingMigrations } from './missing-migrations.ts';
import { WorkNotifications } from './work-notifications.ts';

/** What a client has open. */
export interface ClientParts {
  readonly db: Database;
  readonly notifications: WorkNotifications;
  /** One for all calls that wait. */
  readonly watcher: TaskWatcher;
  /** Where reports are read. */
  readonly reports: ReportReader;
  readonly archive: ArchiveClient;
  /** What every act goes through. */
  readonly acts: ActGate;
  /** Loaded when it is first used: cron expressions take as long to load as the rest of a client without its driver. */
  scheduleList(): Promise<ScheduleList>;
  readonly validation: ValidationOptions;
  close(): Promise<void>;
}

/** `given`: the database of the process around it, which closes it, and audits acts that are refused before they begin. */
export function openClient(options: ClientOptions, given?: Database): ClientParts {
  if (options.trace !== undefined) setTraceMode(checkedTrace(options.trace));
  if (options.dashboardUrl !== undefined) setDashboardUrl(checkedUrl(options.dashboardUrl));
  const pooled = options.pooled ?? options.preparedStatements === false;
  const db = namingMissingMigrations(
    given ??
      openDatabase({
        url: options.url,
        schema: options.schema ?? 'tasker',
        poolSize: checkedWhole('poolSize', options.poolSize ?? 4, 1, 1000, ' connections'),
        applicationName: options.applicationName ?? 'tasker client',
        prepared: options.preparedStatements ?? true,
        password: options.password,
        pooled,
      }),
  );
  const acts = new ActGate(db, {
    reasons: checkedFlag('requireReason', options.requireReason),
    audits: given === undefined,
  });
  const notifications = new WorkNotifications(db, options.notify ?? true);
  const watcher = new TaskWatcher(db);
  const reports = openReports(db, options, pooled);
  let scheduleList: Promise<ScheduleList> | undefined;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    watcher.close();
    await notifications.close();
    await (await scheduleList)?.close();
    await reports.close();
    if (given === undefined) await db.close();
  };
  return {
    db,
    notifications,
    watcher,
    reports,
    acts,
    archive: new ArchiveClient(db, acts, options.archive),
    scheduleList() {
      const { url, cronSchema, password } = options;
      scheduleList ??= import('../schedules/schedule-list.ts').then(
        (module) => new module.ScheduleList({ db, url, cronSchema, password, pooled }),
      );
      return scheduleList;
    },
    validation: { hideValues: options.hideInputValues },
    close: () => (closing ??= close()),
  };
}

function checkedTrace(mode: TraceMode): TraceMode {
  if (mode === 'off' || mode === 'link' || mode === 'parent') return mode;
  throw new InvalidInputError(`trace is ${preview(mode)}: use "off", "link" or "parent"`, { field: 'trace' });
}

function checkedFlag(field: string, value: boolean = false): boolean {
  if (typeof value === 'boolean') return value;
  throw new InvalidInputError(`${field} is ${preview(value)}: use true or false`, { field });
}

function checkedUrl(url: string): string {
  if (typeof url === 'string' && /^https?:\/\/[^/?#]+[^?#]*$/.test(url)) return url;
  throw new InvalidInputError(
    `dashboardUrl is ${preview(url)}: use an http:// or https:// URL without a query, such as "https://tasker.example/ui/"`,
    { field: 'dashboardUrl' },
  );
}

/** A replica that is down must not keep a list waiting: the primary has it. */
const REPORT_CONNECT_TIMEOUT_MS = 3000;

function openReports(db: Database, options: ClientOptions, pooled: boolean): ReportReader {
  const { report } = options;
  const { url, maxLagSeconds = 60, fallback = 'primary' } = report ?? {};
  if (fallback !== 'primary' && fallback !== 'refuse') {
    throw new InvalidInputError(`report.fallback is ${preview(fallback)}: use "primary" or "refuse"`, {
      field: 'report.fallback',
    });
  }
  checkedWhole('report.maxLagSeconds', maxLagSeconds, 1, 86_400, ' seconds');
  if (report !== undefined && typeof url !== 'string') {
    throw new InvalidInputError(`report.url is ${preview(url)}: use the URL of a replica`, { field: 'report.url' });
  }
  const replica =
    url === undefined
      ? undefined
      : openDatabase({
          url,
          schema: db.schema,
          poolSize: options.poolSize ?? 4,
          applicationName: `${options.applicationName ?? 'tasker client'} reports`,
          prepared: options.preparedStatements ?? true,
          password: options.password,
          pooled,
          connectTimeoutMs: REPORT_CONNECT_TIMEOUT_MS,
        });
  return new ReportReader(db, replica, { maxLagSeconds, fallback });
}
