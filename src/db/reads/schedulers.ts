import { defineStatement } from '../statement.ts';

/** The number of live schedulers: those whose lease has not run out. */
export const countSchedulers = defineStatement<{ schedulers: number }>()({
  name: 'count_schedulers',
  text: `
SELECT count(*)::integer AS schedulers
FROM tasker.tasker_workers
WHERE role = 'scheduler' AND stopped_at IS NULL AND lease_expires_at > clock_timestamp()`,
});
