import type { Executor } from '../db/connections/database.ts';
import { readMicroseconds } from '../db/statements/imports/clock.ts';

/** Microseconds since 1970 by the clock of the engine's database. */
export async function readClock(on: Executor): Promise<number> {
  const [row] = await on.run(readMicroseconds);
  return Number((row as { now: string }).now);
}
