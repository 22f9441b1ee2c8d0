import { afterEach, expect, it } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import { Claimer } from '../../src/worker/claiming/claimer.ts';
import { Slots } from '../../src/worker/scope/slots.ts';
import { waitFor } from '../support/wait-for.ts';
import { claimerOptions } from './claimer-fixture.ts';

let poller: Claimer | undefined;
afterEach(() => poller?.stop());

it('a worker claims nothing while more ends of attempts wait to be told than two batches, and goes on when there is room', async () => {
  let claims = 0;
  let rounds = 0;
  let untold = 5000;
  const db = {
    plans: 'pinned',
    run: async () => {
      claims += 1;
      return [];
    },
  } as unknown as Database;
  poller = new Claimer({
    ...claimerOptions(5),
    db,
    slots: new Slots(10, () => undefined),
    maxClaim: 10,
    untold: () => untold,
    onClaimed: () => undefined,
    onRound: () => (rounds += 1),
  });
  poller.start();
  await waitFor(() => rounds > 5, { what: 'some rounds' });
  expect(claims).toBe(0);
  untold = 1000;
  poller.slotFreed();
  await waitFor(() => claims > 0, { what: 'a claim' });
});
