import type { QueueDetails } from '../../api/types.ts';

type Minute = QueueDetails['minutes'][number];

const MINUTE_MS = 60_000;

/**
 * Every minute since the first of these, until the one before now: a minute in which nothing was ready and nothing ran has no row, and a line
 * that leads over it would show what was not. Who serves a queue in such a minute is not known: as many as before.
 */
export function eachMinute(rows: readonly Minute[], now: number): Minute[] {
  const filled: Minute[] = [];
  const upTo = (end: number): void => {
    for (let last = filled.at(-1); last !== undefined; last = filled.at(-1)) {
      const next = Date.parse(last.minute) + MINUTE_MS;
      if (next >= end) return;
      filled.push({
        ...last,
        minute: new Date(next).toISOString(),
        ready: 0,
        oldest_ready_seconds: 0,
        running: 0,
        arrivals_per_second: 0,
        completions_per_second: 0,
      });
    }
  };
  for (const row of rows) {
    upTo(Date.parse(row.minute));
    filled.push(row);
  }
  upTo(Math.floor(now / MINUTE_MS) * MINUTE_MS);
  return filled;
}
