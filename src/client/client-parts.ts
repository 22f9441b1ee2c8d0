import { type Database, openDatabase } from '../db/connections/database.ts';
import { ScheduleList } from '../schedules/schedule-list.ts';
import type { ValidationOptions } from '../workflow/validate-input.ts';
import { checkedWhole } from './checked.ts';
import type { ClientOptions } from './client-options.ts';
import { WorkNotifications } from './work-notifications.ts';

/** What a client has open. */
export interface ClientParts {
  readonly db: Database;
  readonly notifications: WorkNotifications;
  readonly scheduleList: ScheduleList;
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
  const scheduleList = new ScheduleList({
    db,
    url: options.url,
    cronSchema: options.cronSchema,
    password: options.password,
    pooled,
  });
  return {
    db,
    notifications,
    scheduleList,
    validation: { hideValues: options.hideInputValues },
    async close() {
      await notifications.close();
      await scheduleList.close();
      await db.close();
    },
  };
}
