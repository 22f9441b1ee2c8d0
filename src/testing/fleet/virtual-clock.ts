import type { Database } from '../../db/connections/database.ts';
import { findSchedules } from '../../db/statements/schedules/schedules.ts';
import { ageDeadLeases, bringRetriesForward } from '../../db/statements/testing/virtual-clock.ts';
import { enqueueDueRetries } from '../../engine/enqueue-due-retries.ts';
import { recover } from '../../engine/recover.ts';
import { fireDue } from '../../schedules/fire-due.ts';
import { WORKFLOW_SCHEDULES } from '../../schedules/scheduled-submit.ts';

const BATCH = 1000;
/** More than any backoff can be. */
const ALL_BACKOFFS_SECONDS = 31 * 86_400;
/** One call decides the occurrences of at most this time, as if a scheduler had lived in it: none of them is made up for. */
const SCHEDULE_WINDOW_SECONDS = 600;

/**
 * Time as a fleet under test sees it: the database's clock, and what was skipped. Skipping time moves what waits for a time, and
 * then does at once what a scheduler would do as time passes. What runs at the moment does not notice.
 */
export class VirtualClock {
  private readonly db: Database;
  private readonly cronSchema: string;
  private readonly silentSeconds: number;
  private skippedMs = 0;

  constructor(db: Database, settings: { cronSchema: string; silentSeconds: number }) {
    this.db = db;
    this.cronSchema = settings.cronSchema;
    this.silentSeconds = settings.silentSeconds;
  }

  /** The database's time and what was skipped so far. */
  async now(): Promise<Date> {
    const [polled] = await this.db.run(findSchedules(this.cronSchema), { queue: WORKFLOW_SCHEDULES });
    return new Date((polled?.now.getTime() ?? 0) + this.skippedMs);
  }

  /** Makes every step ready that waits for its retry, whenever that is due; no other time passes. */
  async skipBackoffs(): Promise<void> {
    await this.db.run(bringRetriesForward, { seconds: ALL_BACKOFFS_SECONDS });
    await this.enqueueRetries();
  }

  async advance(ms: number): Promise<void> {
    const { db, silentSeconds } = this;
    const seconds = ms / 1000;
    await db.transaction(async (tx) => {
      await tx.run(bringRetriesForward, { seconds });
      await tx.run(ageDeadLeases, { seconds });
    });
    await recover(db, { silentSeconds });
    await this.enqueueRetries();
    await this.fireSchedules(ms);
  }

  private async enqueueRetries(): Promise<void> {
    let done: number;
    do {
      const enqueued = await enqueueDueRetries(this.db, BATCH);
      done = [...enqueued.values()].reduce((sum, steps) => sum + steps, 0);
    } while (done >= BATCH);
  }

  /** Every occurrence of the skipped time, in order; a schedule that fails throws its error. */
  private async fireSchedules(ms: number): Promise<void> {
    const from = this.skippedMs;
    this.skippedMs += ms;
    const [polled] = await this.db.run(findSchedules(this.cronSchema), { queue: WORKFLOW_SCHEDULES });
    if (polled?.found !== true) return;
    for (let ahead = from; ahead < this.skippedMs;) {
      ahead = Math.min(ahead + SCHEDULE_WINDOW_SECONDS * 1000, this.skippedMs);
      const { failed } = await fireDue(this.db, this.cronSchema, {
        now: new Date(polled.now.getTime() + ahead),
        onTimeSeconds: SCHEDULE_WINDOW_SECONDS,
      });
      for (const { error } of failed) throw error;
    }
  }
}
