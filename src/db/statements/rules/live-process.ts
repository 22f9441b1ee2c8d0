/**
 * The process is live: it has not deregistered, and its lease has not run out. If a process counts until its lease was ended
 * by a scheduler, as for the steps that it holds, `stopped_at` alone decides.
 */
export const isLive = (row: string): string =>
  `${row}.stopped_at IS NULL AND ${row}.lease_expires_at > statement_timestamp()`;
