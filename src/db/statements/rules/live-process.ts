/**
 * The process is live: it has not deregistered, and its lease has not run out. If a process counts until its lease was ended
 * by a scheduler, as for the steps that it holds, `stopped_at` alone decides. `at`: when; default: now. Whoever reads in a snapshot gives the moment of
 * the snapshot: heartbeats that came later are not in it.
 */
export const isLive = (row: string, at = 'statement_timestamp()'): string =>
  `${row}.stopped_at IS NULL AND ${row}.lease_expires_at > ${at}`;
