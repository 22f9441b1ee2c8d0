import type { ReportSource } from '../reads/report-reader.ts';

/** Prints on standard error where a report was read and how old it is; nothing if there is no replica for reports. */
export function noteSource({ asOf, problem }: ReportSource): void {
  if (asOf !== undefined) console.error(`tasker: from the replica, as of ${asOf.toISOString()}`);
  if (problem !== undefined) console.error(`tasker: from the primary, because the replica ${problem}`);
}
