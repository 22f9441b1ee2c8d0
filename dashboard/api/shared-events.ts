import { BASE } from '../settings.ts';
import { EventConnection, type EventListener } from './event-source.ts';

/** Tabs say this often which topics they want: one that has crashed is forgotten after three times as long. */
const SAY_MS = 20_000;

type Message =
  | { readonly kind: 'want'; readonly tab: string; readonly topics: readonly string[] }
  | { readonly kind: 'who' }
  | { readonly kind: 'changed'; readonly topic: string }
  | { readonly kind: 'resync' }
  | { readonly kind: 'connected'; readonly yes: boolean };

/**
 * The events of all tabs of a browser over one connection: over HTTP/1.1 a browser has six of them for a host, and with six open tabs nothing
 * else would load. Whichever tab has the lock connects for all and passes on what it receives; when it is closed, hidden or paused, another one gets
 * the lock. Without locks, which browsers have over TLS and on the machine itself alone, each tab connects by itself.
 */
export class SharedEvents {
  private readonly listener: EventListener;
  private readonly tab = Math.random().toString(36).slice(2);
  private readonly channel: BroadcastChannel | undefined;
  private readonly others = new Map<string, { topics: readonly string[]; at: number }>();
  private connection: EventConnection | undefined;
  private isConnected = false;
  private own: readonly string[] = [];
  private leave: (() => void) | undefined;

  constructor(listener: EventListener) {
    this.listener = listener;
    if (!('locks' in navigator) || !('BroadcastChannel' in globalThis)) return;
    this.channel = new BroadcastChannel(`tasker events ${BASE.pathname}`);
    this.channel.addEventListener('message', ({ data }) => this.receive(data as Message));
    setInterval(() => this.own.length > 0 && this.say(), SAY_MS);
    addEventListener('pagehide', () => {
      if (this.own.length > 0) this.post({ kind: 'want', tab: this.tab, topics: [] });
    });
  }

  /** None: this tab is hidden, paused, or wants nothing. */
  want(topics: readonly string[]): void {
    this.own = topics;
    if (this.channel === undefined) {
      this.connection ??= new EventConnection(this.listener);
      this.connection.want(topics);
      return;
    }
    if (topics.length === 0) this.resign();
    else if (this.leave === undefined) this.candidate();
    this.say();
    this.connect();
  }

  /** Waits for its turn to be the tab that is connected. */
  private candidate(): void {
    const waiting = new AbortController();
    this.leave = () => waiting.abort();
    navigator.locks
      .request(`tasker events ${BASE.pathname}`, { signal: waiting.signal }, () => {
        if (waiting.signal.aborted) return undefined;
        return this.lead();
      })
      // Resigned before its turn came.
      .catch(() => undefined);
  }

  /** Until it resigns. */
  private lead(): Promise<void> {
    const all: EventListener = {
      changed: (topic) => this.tell({ kind: 'changed', topic }),
      resync: () => this.tell({ kind: 'resync' }),
      connected: (yes) => this.tell({ kind: 'connected', yes }),
    };
    this.connection = new EventConnection(all);
    this.others.clear();
    this.post({ kind: 'who' });
    this.connect();
    return new Promise((resolve) => {
      this.leave = () => {
        this.connection?.want([]);
        this.connection = undefined;
        resolve();
      };
    });
  }

  private resign(): void {
    this.leave?.();
    this.leave = undefined;
    this.listener.connected(false);
  }

  private say(): void {
    this.post({ kind: 'want', tab: this.tab, topics: this.own });
  }

  private connect(): void {
    if (this.connection === undefined || this.leave === undefined) return;
    const now = Date.now();
    for (const [tab, { at }] of this.others) if (now - at > 3 * SAY_MS) this.others.delete(tab);
    const wanted = [...this.others.values()].flatMap(({ topics }) => topics);
    this.connection.want([...new Set([...this.own, ...wanted])]);
  }

  private post(message: Message): void {
    this.channel?.postMessage(message);
  }

  /** To this tab, and to the others. */
  private tell(message: Message): void {
    this.post(message);
    this.apply(message);
  }

  private receive(message: Message): void {
    if (message.kind === 'want') {
      if (this.connection === undefined) return;
      const before = this.others.get(message.tab)?.topics ?? [];
      if (message.topics.length === 0) this.others.delete(message.tab);
      else this.others.set(message.tab, { topics: message.topics, at: Date.now() });
      this.connect();
      // What changed between its read and this message is not known there.
      for (const topic of message.topics) if (!before.includes(topic)) this.post({ kind: 'changed', topic });
      this.post({ kind: 'connected', yes: this.isConnected });
    } else if (message.kind === 'who') {
      if (this.own.length > 0) this.say();
    } else if (this.own.length > 0 && this.connection === undefined) this.apply(message);
  }

  private apply(message: Message): void {
    if (message.kind === 'changed') this.listener.changed(message.topic);
    else if (message.kind === 'resync') this.listener.resync();
    else if (message.kind === 'connected') {
      this.isConnected = message.yes;
      this.listener.connected(message.yes);
    }
  }
}
