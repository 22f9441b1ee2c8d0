import type { Socket } from 'node:net';
import type pg from 'pg';
import { type Backoff, exponential, FULL_JITTER } from '../../backoff.ts';
import type { PasswordSource } from './password-source.ts';
import { type Session, session } from './session.ts';

/** The channel of the notifications that a queue has ready steps. The payload is the queue's name. */
export function readyChannel(schema: string): string {
  return `${schema}_ready`;
}

export interface ListenerOptions {
  /** A direct connection: LISTEN does not work through a transaction pooler. */
  url: string;
  schema: string;
  applicationName: string;
  onReady: (queue: string) => void;
  /** Notifications arrive from now on, or no longer. Those sent in between were lost. */
  onListening?: (listening: boolean) => void;
  onError: (error: Error) => void;
  maxReconnectMs?: number;
  /** Instead of the password in the URL. */
  password?: PasswordSource | undefined;
}

/** A connection that broke silently does not end by itself: it is destroyed after this time. */
const CLOSE_TIMEOUT_MS = 1000;

/**
 * Receives notifications that a queue has ready steps. They are only hints: polling finds everything, so a listener that is down
 * costs latency and nothing else. Reconnects by itself until it is stopped.
 */
export class Listener {
  private readonly options: ListenerOptions;
  private readonly session: Session;
  private client: pg.Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly backoff: Backoff;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  /** The attempt to connect that is under way. */
  private connecting: Promise<void> | undefined;
  private isListening = false;

  constructor(options: ListenerOptions) {
    this.options = options;
    this.backoff = exponential({ minMs: 200, maxMs: options.maxReconnectMs ?? 5000, jitter: FULL_JITTER });
    this.session = session({ url: options.url, applicationName: options.applicationName, password: options.password });
  }

  /** Whether notifications arrive. A connection that broke silently counts as listening until the break is noticed. */
  get listening(): boolean {
    return this.isListening;
  }

  /** Resolves when the first attempt to connect has succeeded or failed. */
  async start(): Promise<void> {
    if (this.stopping !== undefined) return;
    this.starting ??= this.connect();
    await this.starting;
  }

  private connect(): Promise<void> {
    this.connecting = this.tryToConnect().finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  private async tryToConnect(): Promise<void> {
    const client = new this.session.Client({
      ...this.session.config,
      connectionTimeoutMillis: 5000,
    });
    this.client = client;
    let lost = false;
    const reconnect = (error: Error): void => {
      if (lost) return;
      lost = true;
      this.setListening(false);
      void client.end().catch(() => undefined);
      if (this.stopping !== undefined) return;
      this.options.onError(error);
      this.timer = setTimeout(() => void this.connect(), this.backoff.next());
    };
    client.on('error', reconnect);
    client.on('end', () => reconnect(new Error('the listening connection was closed')));
    client.on('notification', (message) => this.options.onReady(message.payload ?? ''));
    try {
      await client.connect();
      await this.session.prepare(client);
      await client.query(`LISTEN "${readyChannel(this.options.schema)}"`);
      this.backoff.reset();
      if (!lost) this.setListening(true);
    } catch (error) {
      reconnect(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private setListening(listening: boolean): void {
    if (this.isListening === listening) return;
    this.isListening = listening;
    if (this.stopping === undefined) this.options.onListening?.(listening);
  }

  /** Idempotent, safe before the start and during it. */
  stop(): Promise<void> {
    this.stopping ??= this.doStop();
    return this.stopping;
  }

  private async doStop(): Promise<void> {
    clearTimeout(this.timer);
    const { client, connecting } = this;
    if (client === undefined) return;
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    if (connecting !== undefined) {
      // pg never settles a connect that is ended while it is under way.
      stream.destroy();
      await connecting;
    }
    const ended = client.end().catch(() => undefined);
    const timer = setTimeout(() => stream.destroy(), CLOSE_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }
}
