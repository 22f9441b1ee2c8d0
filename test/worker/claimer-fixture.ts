import { expect } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import { ClaimCursors } from '../../src/worker/scope/claim-cursors.ts';
import { ClaimLedger } from '../../src/worker/scope/claim-ledger.ts';
import type { ClaimerOptions } from '../../src/worker/claiming/claimer.ts';

/** A poller of one queue with a lease, which no hint reaches and nothing holds back: what a test of its own does not say. */
export const claimerOptions = (intervalMs: number): Omit<ClaimerOptions, 'slots' | 'maxClaim' | 'onClaimed'> => ({
  db: { plans: 'pinned' } as unknown as Database,
  queues: ['default'],
  namedTaskIds: () => [1],
  minIntervalMs: intervalMs,
  maxIntervalMs: intervalMs,
  hintedIntervalMs: intervalMs,
  hinted: () => false,
  workerId: () => '1',
  untold: () => 0,
  restLook: async () => true,
  claims: new ClaimLedger(),
  cursors: new ClaimCursors(['default'], intervalMs),
  onError: (_, error) => expect.fail(String(error)),
  onRound: () => undefined,
});
