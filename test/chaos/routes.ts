import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { Role } from './fleet.ts';
import type { ChaosServer } from './server.ts';

const PROXIES = 3;

/** How each process reaches the database. Every route leads to the current server. */
export interface Routes {
  /** The proxies into which network faults are injected. */
  readonly proxies: readonly TcpProxy[];
  /** For the submitter: a route that is disturbed only if the server behind it is replaced. */
  readonly loadUrl: string;
  urlOf(role: Role, place: number): string;
  close(): Promise<void>;
}

/**
 * The last worker and the last scheduler use the database's unix socket, as on the database's own host. The others connect through
 * the proxies, those of the second proxy over TLS with full verification (sslmode=verify-full).
 */
export async function startRoutes(
  start: (onMoved: (port: number) => void) => Promise<ChaosServer>,
  places: Record<Role, number>,
): Promise<{ server: ChaosServer; routes: Routes }> {
  const all: TcpProxy[] = [];
  const server = await start((port) => {
    for (const proxy of all) proxy.pointAt(port);
    for (const proxy of all) proxy.cutAll();
  });
  const { certificates } = server;
  for (let count = 0; count <= PROXIES; count += 1) all.push(await startProxy({ target: server.url }));
  const [front, ...proxies] = all as [TcpProxy, ...TcpProxy[]];
  const urlOf = (role: Role, place: number): string => {
    if (place > 0 && place === places[role] - 1) return server.socketUrl;
    const url = (proxies[place % PROXIES] as TcpProxy).url(server.url);
    if (place % PROXIES !== 1 || certificates === undefined) return url;
    return `${url}?sslmode=verify-full&sslrootcert=${encodeURIComponent(certificates.authorityFile)}`;
  };
  return {
    server,
    routes: {
      proxies,
      loadUrl: front.url(server.url),
      urlOf,
      close: async () => void (await Promise.all(all.map((proxy) => proxy.close()))),
    },
  };
}
