import { migrateToLatest } from '../db/migrate.ts';
import type { MigrateOptions } from '../db/migrate-options.ts';
import { namesRest } from '../db/rest-relations.ts';
import { noteUnfinished } from '../db/unfinished.ts';
import type { Logger } from '../logger.ts';
import { FINAL_WRITE_TIMEOUT_MS, withTimeout } from '../process/with-timeout.ts';

/** After the first steps of a program, and before the first chores of its scheduler. */
const LATER_MS = 200;
/** After a failure. */
const AGAIN_MS = 5000;

/**
 * Makes the rest of a schema of which this program has made the first tables: a moment after that, or at once if a statement, a transaction or another role of
 * this process needs it, or the program ends. After a failure it tries again, as does the next program that migrates.
 */
export class RestOfSchema {
  private readonly url: string;
  private readonly options: MigrateOptions & { schema: string };
  private readonly log: () => Logger;
  private readonly whole: () => void;
  private timer: NodeJS.Timeout | undefined;
  private making: Promise<void> | undefined;
  private failedAt = Number.NEGATIVE_INFINITY;

  /** `url`: of the server directly. */
  constructor({ url, ...options }: RestOfSchema['options'] & { url: string }, log: () => Logger) {
    this.url = url;
    this.options = options;
    this.log = log;
    this.whole = noteUnfinished({ schema: options.schema, lacks: namesRest, finish: () => this.finish() });
    this.later(LATER_MS);
  }

  /** Makes it now if it is not made. Never rejects. */
  async stop(): Promise<void> {
    await withTimeout(this.finish(), FINAL_WRITE_TIMEOUT_MS);
    clearTimeout(this.timer);
    this.whole();
  }

  private later(ms: number): void {
    this.timer = setTimeout(() => (this.making ??= this.make()), ms).unref();
  }

  /** What needs it soon after a failure fails as well, without another try for each statement. */
  private async finish(): Promise<void> {
    if (performance.now() - this.failedAt >= AGAIN_MS) this.making ??= this.make();
    await this.making;
  }

  private async make(): Promise<void> {
    clearTimeout(this.timer);
    try {
      await migrateToLatest(this.url, this.options);
      this.whole();
    } catch (error) {
      this.making = undefined;
      this.failedAt = performance.now();
      this.later(AGAIN_MS);
      this.log().warn(
        { error },
        'the schema is not whole yet: this program tries again, and so do its next start with `migrate` and `tasker migrate up`',
      );
    }
  }
}
