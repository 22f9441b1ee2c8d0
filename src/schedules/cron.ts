import { type Job, PgBoss } from 'pg-boss';
import { taskerErrorCode } from '../errors.ts';
import { describeRefusal, ensureCronSchema } from '../db/cron-schema.ts';
import type { PasswordSource } from '../db/connections/password.ts';
import { MIGRATION } from '../db/connections/session-settings.ts';
import { session } from '../db/connections/session.ts';

export interface CronOptions {
  url: string;
  /** Schema of pg-boss's own tables. */
  schema: string;
  applicationName: string;
  /** The URL leads to a transaction pooler. */
  pooled?: boolean;
  onError: (error: Error) => void;
  /** Off for a client that only reads and writes schedules. */
  fires?: boolean;
  /** Instead of the password in the URL. */
  password?: PasswordSource | undefined;
}

export interface Schedule {
  key: string;
  cron: string;
  timezone: string;
  data: unknown;
}

/**
 * Makes what schedules need, for `tasker migrate up`: whoever starts a scheduler later need not be allowed to. Returns the right
 * that lacks. A role that may change nothing is not asked to where the tables are there.
 */
export async function migrateCron(options: {
  url: string;
  schema: string;
  queue: string;
  password?: PasswordSource | undefined;
}): Promise<{ outcome: 'ready' } | { outcome: 'refused'; why: string }> {
  const applicationName = 'tasker migrate cron';
  try {
    const state = await ensureCronSchema({
      url: options.url,
      schema: options.schema,
      applicationName,
      password: options.password,
    });
    if (state.installed && !state.mayCreateIn) return { outcome: 'ready' };
    const cron = new Cron({ ...options, applicationName, fires: false, onError: () => undefined });
    try {
      await cron.start();
      await cron.prepare(options.queue);
    } finally {
      await cron.stop();
    }
    return { outcome: 'ready' };
  } catch (error) {
    if (taskerErrorCode(error) === 'RIGHT_MISSING') return { outcome: 'refused', why: (error as Error).message };
    throw error;
  }
}

/** A hint that a schedule may be due, as it reaches a handler: at any time after the moment that it was made for. */
export interface Tick {
  /** The schedule's data as of that moment. */
  data: unknown;
}

/**
 * A job that a scheduler took and did not finish is another's after this: its work takes milliseconds. pg-boss's default, a
 * quarter of an hour, would hold the tick of a killed scheduler for as long.
 */
const EXPIRE_SECONDS = 10;
/**
 * A scheduler's connections are few and needed every second: to give one up after ten seconds and open it anew costs PostgreSQL
 * more than what is asked over it.
 */
const KEEP_CONNECTIONS: object = { min: 3 };
/** Ticks that are taken at once: many schedules are due at the same minute. Their work has to fit in EXPIRE_SECONDS. */
const MOST_TICKS = 100;
/** pg-boss's own queue, on which ticks travel from the one who sees the time to the queue that they are for. */
const FORWARDING_QUEUE = '__pgboss__send-it';
/** What earlier versions scheduled for themselves. Nobody works on these queues any longer. */
const FORMER_SCHEDULES = [
  ['tasker-catch-up', 'every-minute'],
  ['tasker-maintenance', 'analyze'],
] as const;

/**
 * Cron by pg-boss: each tick of each schedule becomes one job, whichever and however many processes are watching. A job waits in
 * its tables while no scheduler lives, and outlives its schedule: the handler takes it for a hint.
 */
export class Cron {
  private readonly boss: PgBoss;
  private readonly fires: boolean;
  private readonly options: CronOptions;
  private readonly queues = new Set<string>();
  private started: Promise<unknown> | undefined;

  constructor(options: CronOptions) {
    const fires = options.fires ?? true;
    this.fires = fires;
    this.options = options;
    const sessions = session({
      url: options.url,
      applicationName: options.applicationName,
      pooled: options.pooled ?? false,
      password: options.password,
      settings: MIGRATION,
    });
    // pg-boss hands its options to its pool, as its types do not say.
    const poolOptions: object = {
      ...sessions.config,
      onConnect: sessions.prepare,
      Client: sessions.Client,
      ...(fires ? KEEP_CONNECTIONS : {}),
    };
    this.boss = new PgBoss({
      ...poolOptions,
      // Quoted: a reserved word is a name like any other.
      schema: `"${options.schema}"`,
      createSchema: false,
      max: fires ? 3 : 1,
      schedule: fires,
      supervise: fires,
      cronMonitorIntervalSeconds: 10,
      cronWorkerIntervalSeconds: 2,
      // How soon expired jobs are found.
      superviseIntervalSeconds: 10,
      monitorIntervalSeconds: 10,
      // We make no flows, which it would look for every five seconds, and our own metrics watch dead rows and old snapshots.
      flowIntervalSeconds: 3600,
      monitorVacuum: false,
    });
    this.boss.on('error', options.onError);
  }

  async start(): Promise<void> {
    this.started ??= this.open();
    await this.started;
  }

  private async open(): Promise<void> {
    const { url, schema, applicationName, pooled, password } = this.options;
    // Whoever fires found its tables before.
    if (!this.fires) await ensureCronSchema({ url, schema, applicationName, pooled: pooled ?? false, password });
    try {
      await this.boss.start();
    } catch (error) {
      throw describeRefusal(error, schema);
    }
    if (this.fires) await this.boss.updateQueue(FORWARDING_QUEUE, { expireInSeconds: EXPIRE_SECONDS });
  }

  /** Stops firing and waits for handlers under way. Safe to repeat, safe before start. */
  async stop(): Promise<void> {
    if (this.started === undefined) return;
    await this.started.catch(() => undefined);
    this.started = undefined;
    await this.boss.stop({ graceful: true, close: true, timeout: 10_000 });
  }

  /** Makes a queue for schedules, and removes those that nobody wants any longer. */
  async prepare(queue: string): Promise<void> {
    await this.createQueue(queue);
    for (const [former, key] of FORMER_SCHEDULES) await this.unschedule(former, key);
  }

  /** Runs `handler` for each tick of the schedules in `queue`, at most a second after it was made. */
  async work(queue: string, handler: (tick: Tick) => Promise<void>): Promise<void> {
    await this.createQueue(queue);
    const options = { pollingIntervalSeconds: 1, batchSize: MOST_TICKS };
    await this.boss.work(queue, options, async (jobs: Job<object>[]) => {
      for (const { data } of jobs) await handler({ data });
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

  private async createQueue(queue: string): Promise<void> {
    if (this.queues.has(queue)) return;
    const options = {
      retryLimit: 20,
      retryBackoff: true,
      retryDelay: 1,
      retryDelayMax: 60,
      expireInSeconds: EXPIRE_SECONDS,
    };
    await this.boss.createQueue(queue, options);
    // A queue that is there keeps the options that it was made with.
    await this.boss.updateQueue(queue, options);
    this.queues.add(queue);
  }
}
