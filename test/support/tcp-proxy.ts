import { connect, createServer, type Socket } from 'node:net';
import { type Call, type Cut, type CutOptions, type CutRule, type Replacement, WireLink } from './postgres-wire.ts';

export type { Call, Cut, CutMoment } from './postgres-wire.ts';

export interface TcpProxyOptions {
  /** The PostgreSQL server behind the proxy: a connection URL, or a host and a port. */
  target: string | { host: string; port: number };
  /** In each statement of a client the first text is replaced by the second, which is as long: to shorten a time limit, say. */
  replaces?: Replacement;
}

export interface TcpProxy {
  readonly port: number;
  /** The number of connections at this moment, and of all since the start. */
  readonly open: number;
  readonly accepted: number;
  /** The same connection URL, through the proxy. */
  url(databaseUrl: string): string;
  /** Breaks every connection (both sides get a reset) and returns their number. New ones are accepted as before. */
  cutAll(): number;
  /** New connections go to this port; existing ones stay with their server. */
  pointAt(port: number): void;
  /** Half open: until `resume`, existing and new connections stay open and transfer nothing. */
  pause(): void;
  resume(): void;
  /** While on, new connections are reset at once, as if no process listened. */
  refuse(on: boolean): void;
  /** Breaks the connection of a call that matches, at the named moment of its transaction. */
  cutOn(match: (call: Call) => boolean, options: CutOptions): Cut;
  /** Breaks everything and stops listening. */
  close(): Promise<void>;
}

/** A TCP proxy on a free port of the loopback address, which can simulate failures of a network. */
export async function startProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  let target = addressOf(options.target);
  const links = new Set<WireLink>();
  const rules = new Set<CutRule>();
  let paused = false;
  let refusing = false;
  let accepted = 0;

  const server = createServer((client: Socket) => {
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    accepted += 1;
    const link = new WireLink(client, connect(target), rules, options.replaces);
    links.add(link);
    link.onClosed = () => links.delete(link);
    if (paused) link.pause();
  });
  const port = await new Promise<number>((listening, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) listening(address.port);
    });
  });

  const cutAll = (): number => {
    const cut = links.size;
    for (const link of links) link.break();
    return cut;
  };
  return {
    port,
    get open() {
      return links.size;
    },
    get accepted() {
      return accepted;
    },
    url(databaseUrl) {
      const url = new URL(databaseUrl);
      url.hostname = '127.0.0.1';
      url.port = String(port);
      url.searchParams.delete('host');
      return url.href;
    },
    cutAll,
    pointAt(next) {
      target = { ...target, port: next };
    },
    pause() {
      paused = true;
      for (const link of links) link.pause();
    },
    resume() {
      paused = false;
      for (const link of links) link.resume();
    },
    refuse(on) {
      refusing = on;
    },
    cutOn(match, cutOptions) {
      let fire: () => void = () => undefined;
      const fired = new Promise<void>((resolve) => (fire = resolve));
      const rule: CutRule = { match, moment: cutOptions.moment, left: cutOptions.times ?? 1, count: 0, fire };
      rules.add(rule);
      return {
        fired,
        get count() {
          return rule.count;
        },
        cancel: () => void rules.delete(rule),
      };
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cutAll();
      await closed;
    },
  };
}

function addressOf(target: TcpProxyOptions['target']): { host: string; port: number } {
  if (typeof target !== 'string') return target;
  const url = new URL(target);
  return { host: url.hostname === 'localhost' ? '127.0.0.1' : url.hostname, port: Number(url.port || 5432) };
}
