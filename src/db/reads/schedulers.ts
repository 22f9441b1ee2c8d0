import { defineStatement } from '../statement.ts';
import { isLive } from '../statements/rules/live-process.ts';

/** The number of live schedulers: those whose lease has not run out. */
export const countSchedulers = defineStatement<{ schedulers: number }>()({
  name: 'count_schedulers',
  text: `
SELECT count(*)::integer AS schedulers
FROM tasker.tasker_workers w
WHERE w.role = 'scheduler' AND ${isLive('w')}`,
});
