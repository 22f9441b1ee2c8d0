import { type Database, openDatabase } from '../db/connections/database.ts';
import { TaskWatcher } from '../reads/task-watcher.ts';
import type { ScheduleList } from '../schedules/schedule-list.ts';
import type { ValidationOptions } from '../workflow/validate-input.ts';
import { checkedWhole } from './checked.ts';
import type { ClientOptions } from './client-options.ts';
import { WorkNotifications } from './work-notifications.ts';

/** What a client has open. */
export interface ClientParts {
  readonly db: Database;
  readonly notifications: WorkNotifications;
  /** One for all calls that wait. */
  readonly watcher: TaskWatcher;
  /** Loaded when it is first used: cron expressions take as long to load as the rest of a client without its driver. */
  scheduleList(): Promise<ScheduleList>;
  readonly validation: ValidationOptions;
  close(): Promise<void>;
}

export function openClient(options: ClientOptions): ClientParts {
  const pooled = options.pooled ?? options.preparedStatements === false;
  const db = openDatabase({
    url: options.url,
    schema: options.schema ?? 'tasker',
    poolSize: checkedWhole('poolSize', options.poolSize ?? 4, 1, 1000, ' connections'),
    applicationName: options.applicationName ?? 'tasker client',
    prepared: options.preparedStatements ?? true,
    password: options.password,
    pooled,
  });
  const notifications = new WorkNotifications(db, options.notify ?? true);
  const watcher = new TaskWatcher(db);
  let scheduleList: Promise<ScheduleList> | undefined;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    watcher.close();
    await notifications.close();
    await (await scheduleList)?.close();
    await db.close();
  };
  return {
    db,
    notifications,
    watcher,
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
