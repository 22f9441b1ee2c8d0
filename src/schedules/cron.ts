import { type ConstructorOptions, type Job, PgBoss } from 'pg-boss';
import { taskerErrorCode } from '../errors.ts';
import { describeRefusal, ensureCronSchema } from '../db/cron-schema.ts';
import type { Executor } from '../db/connections/database.ts';
import type { PasswordSource } from '../db/connections/password-source.ts';
import { MIGRATION } from '../db/connections/session-settings.ts';
import { session, type Session } from '../db/connections/session.ts';
import { FORMER_SCHEDULES } from './cron-tables.ts';

export interface CronOptions {
  url: string;
  /** Schema of pg-boss's own tables. */
  schema: string;
  applicationName: string;
  /** The URL leads to a transaction pooler. */
  pooled?: boolean;
  onError: (error: Error) => void;
  /** False for a client that only reads and writes schedules. Default true. */
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
 * Creates what schedules need, for `tasker migrate up`, so that the role of a scheduler need not have the right to. Returns which
 * right is missing. If the tables exist and the role may not create in their schema, nothing is done.
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

/** Has pg-boss run its one statement in a transaction. `name`: of the statement, in the metrics and on the connection. */
function runIn(tx: Executor | undefined, name: string): Pick<ConstructorOptions, 'db'> {
  if (tx === undefined) return {};
  return {
    db: {
      executeSql: async (text: string, values: unknown[] = []) => ({
        rows: await tx.run({ name, text, values: () => values }),
      }),
    },
  };
}

/** A hint that a schedule may be due. A handler receives it at any time after the moment for which it was made. */
export interface Tick {
  /** The schedule's data as of that moment. */
  data: unknown;
}

/**
 * After this time another scheduler may take a job that one took and did not finish. The work of a job takes milliseconds. With
 * pg-boss's default of 15 minutes the tick of a killed scheduler would be delayed by that time.
 */
const EXPIRE_SECONDS = 10;
/**
 * A scheduler's connections are few and needed every second: closing one after ten idle seconds and opening it again costs
 * PostgreSQL more than the statements that are run on it.
 */
const KEEP_CONNECTIONS: object = { min: 3 };
/** Ticks that are taken together: many schedules are due at the same minute. Their work has to fit in EXPIRE_SECONDS. */
const MOST_TICKS = 100;
/** pg-boss's own queue: a tick is first a job there, and is then forwarded to the queue of its schedule. */
const FORWARDING_QUEUE = '__pgboss__send-it';
/**
 * Cron by pg-boss: each tick of each schedule becomes one job, however many processes run pg-boss. A job waits in its tables while
 * no scheduler lives, and can outlive its schedule: the handler treats it as a hint only.
 */
export class Cron {
  private readonly boss: PgBoss;
  private readonly sessions: Session;
  private readonly poolSize: number;
  private readonly fires: boolean;
  private readonly options: CronOptions;
  private readonly queues = new Set<string>();
  private started: Promise<unknown> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: CronOptions) {
    const fires = options.fires ?? true;
    this.fires = fires;
    this.options = options;
    this.poolSize = fires ? 3 : 1;
    const sessions = session({
      url: options.url,
      applicationName: options.applicationName,
      pooled: options.pooled ?? false,
      password: options.password,
      settings: MIGRATION,
    });
    this.sessions = sessions;
    // pg-boss passes its options on to its pool; its types do not show that.
    const poolOptions: object = {
      ...sessions.config,
      onConnect: sessions.prepare,
      Client: sessions.Client,
      ...(fires ? KEEP_CONNECTIONS : {}),
    };
    this.boss = new PgBoss({
      ...poolOptions,
      // Quoted, because the name may be a reserved word.
      schema: `"${options.schema}"`,
      createSchema: false,
      max: this.poolSize,
      schedule: fires,
      supervise: fires,
      cronMonitorIntervalSeconds: 10,
      cronWorkerIntervalSeconds: 2,
      // Expired jobs are found within this time.
      superviseIntervalSeconds: 10,
      monitorIntervalSeconds: 10,
      // No flows are used, which it would otherwise search every five seconds. Dead rows and old snapshots have metrics of their own.
      flowIntervalSeconds: 3600,
      monitorVacuum: false,
      // Its polls are nobody's trace.
      openTelemetry: { enabled: false },
    });
    this.boss.on('error', options.onError);
  }

  async start(): Promise<void> {
    if (this.stopping !== undefined) throw new Error('cron was stopped before');
    this.started ??= this.open();
    await this.started;
  }

  private async open(): Promise<void> {
    const { url, schema, applicationName, pooled, password } = this.options;
    // A scheduler calls prepare with an instance that does not fire, before it starts one that does.
    if (!this.fires) await ensureCronSchema({ url, schema, applicationName, pooled: pooled ?? false, password });
    try {
      await this.boss.start();
    } catch (error) {
      throw describeRefusal(this.sessions.explained(error, this.poolSize), schema);
    }
    if (this.fires) await this.boss.updateQueue(FORWARDING_QUEUE, { expireInSeconds: EXPIRE_SECONDS });
  }

  /** Stops firing and waits for running handlers. Idempotent, safe before the start and during it. */
  stop(): Promise<void> {
    this.stopping ??= this.doStop();
    return this.stopping;
  }

  private async doStop(): Promise<void> {
    if (this.started === undefined) return;
    await this.started.catch(() => undefined);
    await this.boss.stop({ graceful: true, close: true, timeout: 10_000 });
  }

  /** Creates a queue for schedules, and removes the schedules of earlier versions. */
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

  /**
   * Creates or replaces a schedule, in the transaction `tx` if one is given. Throws the error of pg-boss for a cron expression or time
   * zone that it cannot read.
   */
  async schedule(queue: string, schedule: Schedule, tx?: Executor): Promise<void> {
    await this.createQueue(queue);
    await this.explained(
      this.boss.schedule(queue, schedule.cron, (schedule.data ?? {}) as object, {
        tz: schedule.timezone,
        key: schedule.key,
        ...runIn(tx, 'cron_schedule'),
      }),
    );
  }

  async unschedule(queue: string, key: string, tx?: Executor): Promise<void> {
    await this.explained(this.boss.unschedule(queue, key, runIn(tx, 'cron_unschedule')));
  }

  /** pg-boss has a small pool of its own. */
  private async explained(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      throw this.sessions.explained(error, this.poolSize);
    }
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
    await this.explained(this.boss.createQueue(queue, options));
    // createQueue leaves the options of an existing queue as they are.
    await this.explained(this.boss.updateQueue(queue, options));
    this.queues.add(queue);
  }
}
