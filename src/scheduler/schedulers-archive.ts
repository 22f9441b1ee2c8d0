import { Archive } from '../archive/archive.ts';
import { archiveAddress } from '../archive/archive-address.ts';
import { archiveRemover } from '../archive/archive-remover.ts';
import { archiveSettingsOf } from '../archive/archive-settings.ts';
import { requireKey } from '../archive/stores/open-store.ts';
import type { Config } from '../config/config.ts';
import { usesPreparedStatements } from '../config/load-config.ts';
import { openDatabase } from '../db/connections/database.ts';
import { passwordOf } from '../db/connections/password.ts';
import type { TaskRemover } from '../engine/retain.ts';
import { keepSeconds } from '../keep-policy.ts';
import type { Logger } from '../logger.ts';
import type { Host } from '../process/host.ts';
import { ReportReader } from '../reads/report-reader.ts';
import type { Chore } from './chore.ts';
import { keepArchive } from './chores/keep-archive.ts';

/** What a scheduler does for the archive, if there is one. */
export interface SchedulersArchive {
  /** Instead of deleting. */
  remover: TaskRemover;
  chore: Chore;
  /** Which one it is, for the doctor. */
  address: string;
  close(): Promise<void>;
}

/** A replica that is down must not hold up retention: the primary has the tasks. */
const REPORT_CONNECT_TIMEOUT_MS = 3000;

export function openSchedulersArchive(
  { db, metrics }: Host,
  config: Config,
  log: Logger,
): SchedulersArchive | undefined {
  const settings = archiveSettingsOf(config);
  if (settings === undefined) return undefined;
  requireKey(settings);
  const archive = new Archive(settings, (failing) => metrics.set('archiveFailing', {}, failing ? 1 : 0));
  const reports = openReports(db, config);
  metrics.count('archivedTasks', {}, 0);
  return {
    remover: archiveRemover({
      db,
      archive,
      batch: config.archiveBatch,
      reports,
      onArchived({ tasks, bytes, seconds, object }) {
        metrics.count('archivedTasks', {}, tasks);
        metrics.observe('archiveSeconds', {}, seconds);
        log.info({ tasks, bytes, seconds: Math.round(seconds * 1000) / 1000, object }, 'tasks were archived');
      },
    }),
    chore: keepArchive({ db, archive, metrics, log, keepSeconds: keepSeconds(config.archiveKeep) ?? null }),
    address: archiveAddress(settings),
    close: async () => reports?.close(),
  };
}

/** The export falls back to the primary, whatever reports of clients do: what it reads is compared before anything is removed. */
function openReports(db: Host['db'], config: Config): ReportReader | undefined {
  const { reportUrl, reportMaxLagSeconds: maxLagSeconds } = config;
  if (reportUrl === undefined) return undefined;
  const replica = openDatabase({
    url: reportUrl,
    schema: config.schema,
    poolSize: 1,
    applicationName: 'tasker scheduler reports',
    prepared: usesPreparedStatements(config),
    password: passwordOf(config),
    pooled: config.pooled,
    connectTimeoutMs: REPORT_CONNECT_TIMEOUT_MS,
  });
  return new ReportReader(db, replica, { maxLagSeconds, fallback: 'primary' });
}
