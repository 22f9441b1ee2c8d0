import type { Alert } from './alert.ts';
import { DATABASE_ALERTS } from './database-alerts.ts';
import { FLEET_ALERTS } from './fleet-alerts.ts';
import { WORK_ALERTS } from './work-alerts.ts';

export const ALERT_GROUPS: readonly { readonly name: string; readonly alerts: readonly Alert[] }[] = [
  { name: 'tasker-work', alerts: WORK_ALERTS },
  { name: 'tasker-fleet', alerts: FLEET_ALERTS },
  { name: 'tasker-database', alerts: DATABASE_ALERTS },
];

export const ALERTS: readonly Alert[] = ALERT_GROUPS.flatMap(({ alerts }) => alerts);
