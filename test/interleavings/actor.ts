import pg from 'pg';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import type { Controller } from './controller.ts';

/** The position of a verb that runs on a connection of its own, statement by statement. */
export interface ActorStatus {
  /**
   * gate: it waits before a statement or a commit. snapshot: its statement has its snapshot and has not read a row yet.
   * blocked: it waits for a lock of another actor. done: the verb has returned or thrown.
   */
  at: 'gate' | 'snapshot' | 'blocked' | 'done';
  label: string;
}

interface Gate {
  label: string;
  open: () => void;
}

const PAUSE_KEY = 771_000_000;

/**
 * A session that runs verbs of the engine through the engine's own `Database` and stops at a gate before every statement and every
 * commit. A statement that the engine sends without a transaction becomes BEGIN, statement, COMMIT: the same for PostgreSQL, and it
 * makes the moment visible at which the statement is executed and not committed.
 */
export class Actor {
  readonly name: string;
  readonly db: Database;
  /** The steps of this actor, for the message of a failure. */
  readonly log: string[] = [];
  deadlocks = 0;
  private readonly client: pg.Client;
  private readonly controller: Controller;
  private readonly pauseKey: number;
  private pid = 0;
  private gate: Gate | undefined;
  private paused = false;
  private finished = true;
  private running = false;
  private changed: () => void = () => undefined;

  constructor(name: string, index: number, url: string, controller: Controller) {
    this.name = name;
    this.controller = controller;
    this.pauseKey = PAUSE_KEY + index;
    this.client = new pg.Client({ connectionString: url, application_name: `actor ${name}` });
    this.db = openDatabase({ url, poolSize: 1 });
    // The engine's own transactions and retries run on the gated connection.
    Object.assign(this.db.pool, {
      query: (config: pg.QueryConfig) => this.runInTransaction(config),
      connect: () =>
        Promise.resolve({
          query: (config: pg.QueryConfig | string) => this.gated(config),
          on: () => undefined,
          off: () => undefined,
          release: () => undefined,
        }),
    });
  }

  async open(): Promise<void> {
    await this.client.connect();
    await this.client.query(`SET deadlock_timeout = '20ms'`);
    const { rows } = await this.client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    this.pid = (rows[0] as { pid: number }).pid;
  }

  async close(): Promise<void> {
    await this.client.end();
    await this.db.close();
  }

  /** Starts a verb and runs it to its first gate. */
  async start<T>(verb: (db: Database) => Promise<T>): Promise<{ result: Promise<T> }> {
    this.finished = false;
    this.log.length = 0;
    const result = verb(this.db).finally(() => {
      this.finished = true;
      this.changed();
    });
    result.catch(() => undefined);
    await this.untilStopped();
    return { result };
  }

  status(): ActorStatus {
    if (this.finished) return { at: 'done', label: '' };
    if (this.paused) return { at: 'snapshot', label: 'go on' };
    if (this.gate !== undefined) return { at: 'gate', label: this.gate.label };
    return { at: 'blocked', label: '' };
  }

  /** Runs the actor for one step: to the next gate, to its end, or to a lock that another actor holds. */
  async advance(): Promise<void> {
    if (this.paused) {
      this.paused = false;
      this.log.push('goes on');
      await this.controller.unlock(this.pauseKey);
    } else if (this.gate !== undefined) {
      const gate = this.gate;
      this.gate = undefined;
      this.log.push(gate.label);
      gate.open();
    }
    await this.untilStopped();
  }

  /** Waits until the actor stands still. This depends on no timer: a statement either ends, or PostgreSQL names its blocker. */
  async untilStopped(): Promise<void> {
    for (;;) {
      if (this.finished || this.gate !== undefined || this.paused) return;
      const moved = new Promise<'moved'>((resolve) => (this.changed = () => resolve('moved')));
      if (!this.running) {
        await moved;
        continue;
      }
      const seen = await Promise.race([moved, this.controller.blockers(this.pid)]);
      if (seen === 'moved' || this.finished || this.gate !== undefined) continue;
      if (seen.includes(this.controller.pid)) {
        this.paused = true;
        return;
      }
      if (seen.length > 0) return;
    }
  }

  private async runInTransaction(config: pg.QueryConfig): Promise<pg.QueryResult> {
    await this.client.query('BEGIN');
    try {
      const result = await this.gated(config);
      await this.gated('COMMIT');
      return result;
    } catch (error) {
      await this.client.query('ROLLBACK');
      throw error;
    }
  }

  private async gated(config: pg.QueryConfig | string): Promise<pg.QueryResult> {
    // Without the engine's time limit for idle transactions: here they are held open on purpose.
    if (typeof config === 'string' && config.startsWith('BEGIN')) return this.client.query('BEGIN');
    if (config === 'ROLLBACK') return this.client.query('ROLLBACK');
    if (config === 'COMMIT') {
      await this.arrive('commits');
      return this.send('COMMIT');
    }
    const { name = 'statement', text, values } = config as pg.QueryConfig & { name?: string };
    await this.arrive(name);
    await this.controller.lock(this.pauseKey);
    try {
      return await this.send({ text: withPause(text, this.pauseKey), values: values ?? [] });
    } catch (error) {
      if ((error as { code?: string }).code === '40P01') this.deadlocks += 1;
      throw error;
    } finally {
      // A statement that read no row never reached its pause.
      this.paused = false;
      await this.controller.unlock(this.pauseKey);
    }
  }

  private async send(config: pg.QueryConfig | string): Promise<pg.QueryResult> {
    this.running = true;
    this.changed();
    try {
      return await this.client.query(config);
    } finally {
      this.running = false;
    }
  }

  private arrive(label: string): Promise<void> {
    return new Promise((resolve) => {
      this.gate = { label, open: resolve };
      this.changed();
    });
  }
}

/**
 * The statement with a pause between its snapshot and the first row that it reads: its first condition waits for an advisory lock.
 * In READ COMMITTED another transaction can commit at that point.
 */
export function withPause(text: string, key: number): string {
  const pause = `pause AS MATERIALIZED (SELECT pg_advisory_lock_shared(${key})::text IS NOT NULL AND pg_advisory_unlock_shared(${key}) AS ok)`;
  const withCte = /^\s*WITH\s/i.test(text)
    ? text.replace(/^\s*WITH\s(RECURSIVE\s)?/i, (_, recursive = '') => `WITH ${recursive}${pause}, `)
    : `WITH ${pause}\n${text.trimStart()}`;
  const at = withCte.indexOf('WHERE ', withCte.indexOf(' AS ok)'));
  return at < 0
    ? text
    : `${withCte.slice(0, at)}WHERE (SELECT ok FROM pause) AND ${withCte.slice(at + 'WHERE '.length)}`;
}
