import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import type { Session } from './session.ts';

const signals = new AsyncLocalStorage<AbortSignal>();

/**
 * Runs `work`; statements of a cancellable database in it are cancelled on the server when the signal is aborted: nobody waits for what
 * they would find. Not for work that writes, which should end as it began.
 */
export function cancelOn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return signals.run(signal, work);
}

/** Within `cancelOn`: for work whose result others wait for too. */
export function withoutSignal<T>(work: () => Promise<T>): Promise<T> {
  return signals.exit(work);
}

/** Cancels statements, by a connection of its own: those of the pool may all be busy with what is to be cancelled. */
export class Canceller {
  private readonly pool: pg.Pool;
  private readonly sessions: Session;

  constructor(sessions: Session) {
    this.sessions = sessions;
    this.pool = new pg.Pool({
      ...sessions.config,
      Client: sessions.Client,
      max: 1,
      min: 0,
      idleTimeoutMillis: 10_000,
      connectionTimeoutMillis: 2000,
    });
    this.pool.on('error', () => undefined);
    this.pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /** Of the work that is going on here. */
  get signal(): AbortSignal | undefined {
    return signals.getStore();
  }

  /**
   * The connection is not to be used again after an abort: the cancel may arrive after the statement has ended. Behind a pooler the pid is
   * the pooler's and nothing is cancelled: the statement's time limit ends it.
   */
  async guard<T>(client: pg.PoolClient, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    let cancelling: Promise<unknown> | undefined;
    const cancel = (): void => {
      // Another session may have the pid that a pooler announces.
      if (this.sessions.proxied !== false) return;
      const { processID } = client as { processID?: number };
      cancelling = this.pool.query('SELECT pg_cancel_backend($1)', [processID]).catch(() => undefined);
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await work();
    } finally {
      signal.removeEventListener('abort', cancel);
      await cancelling;
    }
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}
