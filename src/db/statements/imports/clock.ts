import { defineStatement } from '../../statement.ts';
import { microseconds } from '../rules/microseconds.ts';

export const readMicroseconds = defineStatement<{ now: string }>()({
  name: 'read_microseconds',
  text: `SELECT ${microseconds('clock_timestamp()')} AS now`,
});
