import type { Database } from '../db/connections/database.ts';
import { noteClockSetBack, rebaseLeases, rebaseRetries, watchClock } from '../db/statements/server/clock.ts';

export interface ClockSetBack {
  /** The difference. */
  seconds: number;
  /** Steps whose retry was due further ahead than it could be. */
  retries: number;
  /** Processes whose lease was. */
  leases: number;
}

/**
 * Notices that the database's clock was set back (by hand, by a virtual machine that was resumed, by a failover to a server whose clock is
 * behind) and mends what depends on the time that it showed before: the next attempts of failed steps, and the leases of
 * processes, which would count as alive until the clock has caught up. A clock that is set ahead needs nothing: waits end early, and
 * a scheduler ends no lease before it has itself seen the heartbeat unchanged.
 *
 * Returns undefined while the clock goes on as it should. Any number of schedulers may call it; one of them mends.
 */
export async function watchForClockSetBack(db: Database): Promise<ClockSetBack | undefined> {
  const [seen] = await db.run(watchClock);
  if (seen?.set_back !== true) return undefined;
  return db.transaction(async (tx) => {
    const [noted] = await tx.run(noteClockSetBack);
    if (noted === undefined) return undefined;
    const retries = await tx.run(rebaseRetries);
    const leases = await tx.run(rebaseLeases);
    return { seconds: noted.seconds, retries: retries.length, leases: leases.length };
  });
}
