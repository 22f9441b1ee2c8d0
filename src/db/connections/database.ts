import pg from 'pg';
import { exponential, FULL_JITTER } from '../../backoff.ts';
import { TaskerError } from '../../errors.ts';
import { Canceller } from './canceller.ts';
import type { PasswordSource } from './password-source.ts';
import { PoolRoom } from './pool-room.ts';
import { DryRunEnded } from './dry-run.ts';
import { inSchema } from '../schema-name.ts';
import { FREE_PLANS, PINNED_PLANS, type Plans } from './session-settings.ts';
import { session } from './session.ts';
import { isSerializationFailure, mayKeepSession } from './sql-errors.ts';
import { TYPE_PARSERS } from './type-parsers.ts';
import type { AnyStatement, Statement } from '../statement.ts';
import { whole } from '../unfinished.ts';

export interface DatabaseOptions {
  url: string;
  schema?: string;
  poolSize?: number;
  applicationName?: string;
  /** Prepared statements save planning on every call; a transaction pooler older than PgBouncer 1.21 cannot have them. */
  prepared?: boolean;
  /** `pinned`: by the planner settings of the hot path. Not through a transaction pooler, which takes no settings. Default: free. */
  plans?: Plans;
  /** The URL leads to a transaction pooler. A pooler that is detected by the server's pid counts too. */
  pooled?: boolean;
  connectTimeoutMs?: number;
  /** After this time the client gives up the connection, and the server cancels the statement. */
  queryTimeoutMs?: number;
  onQuery?: (name: string, seconds: number, failed: boolean) => void;
  onPoolError?: (error: Error) => void;
  /** Instead of the password in the URL. */
  password?: PasswordSource | undefined;
  /** What runs within `cancelOn` is cancelled by its signal. Default false. */
  cancellable?: boolean;
}

/** What can run a statement: the pool, a transaction of this library, or a transaction of the caller (`callers-transaction.ts`). */
export interface Executor {
  readonly schema: string;
  /** How its sessions plan: of some statements there is a variant for each. */
  readonly plans: Plans;
  /** `given`: the statement's named parameters, if it has any. */
  run<Row extends object, Given extends readonly unknown[]>(
    statement: Statement<Row, Given>,
    ...given: Given
  ): Promise<Row[]>;
}

/** What can run several statements in one transaction. */
export interface Transactions {
  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T>;
}

export interface Database extends Executor, Transactions {
  /** Runs `work` in one READ COMMITTED transaction; a deadlock or serialization failure runs it again, at most 5 times. */
  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T>;
  /** @internal Its types are those of the driver. */
  readonly pool: pg.Pool;
  /** Whether its sessions come through a pooler. Undefined before the first. */
  readonly proxied: boolean | undefined;
  close(): Promise<void>;
}

const MAX_TRIES = 5;
/** Full jitter, so that two transactions that met once do not meet again. */
const SERIALIZATION_BACKOFF = exponential({ minMs: 40, maxMs: 320, jitter: FULL_JITTER });

/**
 * A new connection costs PostgreSQL a process, and the planning of each statement at its first use. By default pg closes an idle
 * connection after ten seconds. An idle worker would then reopen its second connection each time two of its statements overlap,
 * which costs more than the statements themselves.
 */
const KEPT_CONNECTIONS = 2;
const IDLE_CONNECTION_MS = 60_000;

/**
 * Begins a transaction, in one round trip. If the connection breaks silently in the middle (a cable, a firewall, a machine that stopped), the server would
 * keep the transaction, and its row locks on a whole task, until TCP gives up: two hours by default. LOCAL, so that it works
 * through a transaction pooler.
 */
const BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'`;

export function openDatabase(options: DatabaseOptions): Database {
  const schema = options.schema ?? 'tasker';
  const prepared = options.prepared ?? true;
  const sessions = session({
    url: options.url,
    applicationName: options.applicationName ?? 'tasker',
    pooled: options.pooled ?? false,
    password: options.password,
    ...(options.queryTimeoutMs === undefined ? {} : { statementTimeoutMs: options.queryTimeoutMs }),
    settings: options.plans === 'pinned' ? PINNED_PLANS : FREE_PLANS,
  });
  const max = options.poolSize ?? 10;
  const pool = new pg.Pool({
    ...sessions.config,
    onConnect: sessions.prepare,
    types: TYPE_PARSERS,
    max,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    min: KEPT_CONNECTIONS,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
    allowExitOnIdle: false,
    Client: sessions.Client,
  });
  const room = new PoolRoom(pool, max);
  // An idle connection that the server closes is no reason to end the process.
  let closing: Promise<unknown> | undefined;
  pool.on('error', (error) => {
    // A server that stops right after the pool may end a session of it first.
    if (closing === undefined) options.onPoolError?.(error);
  });
  // Neither is one that breaks while a transaction uses it: the pool handles errors of idle connections only, and the current or
  // the next statement rejects anyway.
  pool.on('connect', (client) => client.on('error', () => undefined));

  const canceller = options.cancellable === true ? new Canceller(sessions) : undefined;
  const texts = new Map<string, string>();
  const textOf = (statement: AnyStatement): string => {
    let text = texts.get(statement.name);
    if (text === undefined) texts.set(statement.name, (text = inSchema(statement.text, schema)));
    return text;
  };
  const connect = async (): Promise<pg.PoolClient> => {
    await room.wait();
    try {
      return await pool.connect();
    } catch (error) {
      throw sessions.explained(error, max);
    }
  };
  const runOn = async <Row extends object>(
    target: pg.Pool | pg.PoolClient,
    statement: AnyStatement,
    values: readonly unknown[],
  ): Promise<Row[]> => {
    const started = performance.now();
    let failed = true;
    try {
      const text = textOf(statement);
      if (target === pool) {
        const lacking = whole(schema, text);
        if (lacking !== undefined) await lacking;
        const waiting = room.wait();
        if (waiting !== undefined) await waiting;
      }
      const config = { text, values: values as unknown[] };
      const result = await target.query<Row>(prepared ? { ...config, name: statement.name } : config);
      failed = false;
      return result.rows;
    } catch (error) {
      throw target === pool ? sessions.explained(error, max) : error;
    } finally {
      options.onQuery?.(statement.name, (performance.now() - started) / 1000, failed);
    }
  };

  const runCancellably = async <Row extends object>(
    target: Canceller,
    statement: AnyStatement,
    values: readonly unknown[],
  ): Promise<Row[]> => {
    const { signal } = target;
    if (signal === undefined) return runOn<Row>(pool, statement, values);
    signal.throwIfAborted();
    const client = await connect();
    let broken: Error | undefined;
    try {
      return await target.guard(client, signal, () => runOn<Row>(client, statement, values));
    } catch (error) {
      if (signal.aborted || !mayKeepSession(error)) broken = asError(error);
      throw error;
    } finally {
      client.release(broken);
    }
  };
  const runOnPool =
    canceller === undefined
      ? <Row extends object>(statement: AnyStatement, values: readonly unknown[]) => runOn<Row>(pool, statement, values)
      : <Row extends object>(statement: AnyStatement, values: readonly unknown[]) =>
          runCancellably<Row>(canceller, statement, values);

  // In a session behind a pooler the planner chooses freely, whatever the options say: nothing can be set there.
  const plans = (): Plans => (options.plans === 'pinned' && sessions.proxied !== true ? 'pinned' : 'free');
  return {
    schema,
    get plans() {
      return plans();
    },
    get proxied() {
      return sessions.proxied;
    },
    pool,
    run: (statement, ...given) => retrySerializationFailures(() => runOnPool(statement, statement.values(...given))),
    transaction: (work) =>
      retrySerializationFailures(async () => {
        // Before it takes a session, of which what is lacking may need one; and its snapshot has the rows of every table.
        await whole(schema);
        const client = await connect();
        let broken: Error | undefined;
        try {
          const signal = canceller?.signal;
          await client.query(BEGIN);
          const result = await work({
            schema,
            plans: plans(),
            run: async (statement, ...given) => {
              const values = statement.values(...given);
              if (canceller === undefined || signal === undefined) return runOn(client, statement, values);
              return canceller.guard(client, signal, () => runOn(client, statement, values));
            },
          });
          await client.query('COMMIT');
          return result;
        } catch (error) {
          // The pool itself does the same after a failed query: a session that became read-only, for example, would fail for ever.
          const isKept = error instanceof TaskerError || error instanceof DryRunEnded || mayKeepSession(error);
          if (canceller?.signal?.aborted === true || !isKept) broken = asError(error);
          await client.query('ROLLBACK').catch((failure: unknown) => (broken = asError(failure)));
          throw error;
        } finally {
          client.release(broken);
        }
      }),
    async close() {
      closing ??= Promise.all([pool.end(), canceller?.close()]);
      await closing;
    },
  };
}

async function retrySerializationFailures<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= MAX_TRIES || !isSerializationFailure(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, SERIALIZATION_BACKOFF.after(attempt)));
    }
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
