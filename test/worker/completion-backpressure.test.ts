import { afterEach, expect, it } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import { Claimer } from '../../src/worker/claiming/claimer.ts';
import { waitFor } from '../support/wait-for.ts';
import { scopeOf } from './scope-fixture.ts';

let claimer: Claimer | undefined;
afterEach(() => claimer?.stop());

it('a worker claims nothing while more than two batches of outcomes are unrecorded, and goes on when there is room', async () => {
  let claims = 0;
  let rounds = 0;
  let backlog = 5000;
  const db = {
    plans: 'pinned',
    run: async () => {
      claims += 1;
      return [];
    },
  } as unknown as Database;
  const scope = scopeOf({ db, settings: { claimBatch: 10, pollIntervalMs: 5, maxPollIntervalMs: 5 } });
  claimer = new Claimer(scope, {
    intake: { accept: ({ reserved }) => scope.slots.unreserve(reserved) },
    completer: {
      get backlog() {
        return backlog;
      },
    },
    idleCheck: { anyReady: async () => true },
    onRound: () => (rounds += 1),
  });
  claimer.start();
  await waitFor(() => rounds > 5, { what: 'some rounds' });
  expect(claims).toBe(0);
  backlog = 1000;
  scope.signal.slotFreed();
  await waitFor(() => claims > 0, { what: 'a claim' });
});
