import { PgBoss } from 'pg-boss';

export interface CronOptions {
  url: string;
  /** Schema of pg-boss's own tables. */
  schema: string;
  applicationName: string;
  onError: (error: Error) => void;
  /** Off for a client that only reads and writes schedules. */
  fires?: boolean;
}

export interface Schedule {
  key: string;
  cron: string;
  timezone: string;
  data: unknown;
}

/**
 * Cron by pg-boss: each tick of each schedule becomes one job, whichever and however many processes are watching, and a job
 * is run until its handler succeeds. The handler therefore gets the job's id, the same on every try, to make its work
 * idempotent.
 */
export class Cron {
  private readonly boss: PgBoss;
  private readonly queues = new Set<string>();
  private started: Promise<unknown> | undefined;

  constructor(options: CronOptions) {
    const fires = options.fires ?? true;
    this.boss = new PgBoss({
      connectionString: options.url,
      schema: options.schema,
      application_name: options.applicationName,
      max: fires ? 3 : 1,
      schedule: fires,
      supervise: fires,
      cronMonitorIntervalSeconds: 10,
      cronWorkerIntervalSeconds: 2,
    });
    this.boss.on('error', options.onError);
  }

  async start(): Promise<void> {
    this.started ??= this.boss.start();
    await this.started;
  }

  /** Stops firing and waits for handlers under way. Safe to repeat, safe before start. */
  async stop(): Promise<void> {
    if (this.started === undefined) return;
    await this.started.catch(() => undefined);
    this.started = undefined;
    await this.boss.stop({ graceful: true, close: true, timeout: 10_000 });
  }

  /** Runs `handler` for each tick of the schedules in `queue`. */
  async work(queue: string, handler: (tick: { id: string; data: unknown }) => Promise<void>): Promise<void> {
    await this.createQueue(queue);
    await this.boss.work<object>(queue, { pollingIntervalSeconds: 1 }, async (jobs) => {
      for (const job of jobs) await handler({ id: job.id, data: job.data });
    });
  }

  /** Creates or replaces a schedule. Throws what pg-boss says of a cron expression or time zone that it cannot read. */
  async schedule(queue: string, schedule: Schedule): Promise<void> {
    await this.createQueue(queue);
    await this.boss.schedule(queue, schedule.cron, (schedule.data ?? {}) as object, {
      tz: schedule.timezone,
      key: schedule.key,
    });
  }

  async unschedule(queue: string, key: string): Promise<void> {
    await this.boss.unschedule(queue, key);
  }

  async list(queue: string): Promise<Schedule[]> {
    const rows = await this.boss.getSchedules(queue);
    return rows.map((row) => ({ key: row.key, cron: row.cron, timezone: row.timezone, data: row.data }));
  }

  private async createQueue(queue: string): Promise<void> {
    if (this.queues.has(queue)) return;
    await this.boss.createQueue(queue, { retryLimit: 20, retryBackoff: true, retryDelay: 1, retryDelayMax: 60 });
    this.queues.add(queue);
  }
}
