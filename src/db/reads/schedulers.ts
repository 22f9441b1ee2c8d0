import { statement } from '../statement.ts';

/** How many schedulers live: their lease has not run out. */
export const countSchedulers = statement<{ schedulers: number }>(
  'count_schedulers',
  `
SELECT count(*)::integer AS schedulers
FROM tasker.tasker_workers
WHERE role = 'scheduler' AND stopped_at IS NULL AND lease_expires_at > clock_timestamp()`,
);
