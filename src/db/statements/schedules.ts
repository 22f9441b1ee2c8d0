import { type Statement, statement } from '../statement.ts';

/**
 * Whether there are schedules in a queue of pg-boss, and the database's time. Parameter: the queue. Asked without pg-boss, so that
 * a fleet without schedules need not run it. The space before the dot keeps this schema apart from that of the engine's tables,
 * whatever both are called.
 */
export const findSchedules = (cronSchema: string): Statement<{ now: Date; found: boolean }> =>
  statement(
    'find_schedules',
    `SELECT clock_timestamp() AS now, EXISTS (SELECT FROM "${cronSchema}" .schedule s WHERE s.name = $1) AS found`,
  );
