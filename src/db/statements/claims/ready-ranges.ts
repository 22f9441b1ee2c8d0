import { LEAST_URGENT, MOST_URGENT } from '../../../workflow/priority.ts';

/**
 * A part of a queue's ready steps: those of `fromPriority` that became ready at `fromReadyUs` (microseconds since 1970) or later,
 * and all of the priorities after it up to `toPriority`. Absent `fromReadyUs`: whenever they became ready.
 */
export interface ReadyRange {
  fromPriority: number;
  fromReadyUs: number | undefined;
  toPriority: number;
}

export const WHOLE_QUEUE: readonly ReadyRange[] = [
  { fromPriority: MOST_URGENT, fromReadyUs: undefined, toPriority: LEAST_URGENT },
];

/** How statements name a range. */
export const RANGE = { from_priority: 'smallint', from_ready: 'timestamptz', to_priority: 'smallint' } as const;

/**
 * The condition on a step (or a row of the readiness view) to be in a range. With `queue =` it is one stretch of index steps_ready
 * (queue, priority, ready_at, workflow_step_id), which PostgreSQL finds by one descent.
 */
export const inRange = (step: string, range: string): string =>
  `(${step}.priority, ${step}.ready_at) >= (${range}.from_priority, ${range}.from_ready) AND ${step}.priority <= ${range}.to_priority`;

/** A range as statements name it. */
export function rangeRow({ fromPriority, fromReadyUs, toPriority }: ReadyRange) {
  return {
    from_priority: fromPriority,
    from_ready: fromReadyUs === undefined ? '-infinity' : isoMicroseconds(fromReadyUs),
    to_priority: toPriority,
  };
}

/** 1732630000123456 -> '2024-11-26T14:06:40.123456Z'. ISO 8601 means the same under every DateStyle and TimeZone. */
function isoMicroseconds(us: number): string {
  const ms = Math.floor(us / 1000);
  return `${new Date(ms).toISOString().slice(0, -1)}${String(us - ms * 1000).padStart(3, '0')}Z`;
}
