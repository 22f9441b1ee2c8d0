import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Not imported: an import of a built-in module reads each of its exports, and `WebSocket` of this one loads a whole HTTP client, which
 * takes 20 ms of a start.
 */
const { createServer } = process.getBuiltinModule('node:http');

export interface Reply {
  status: number;
  contentType: string;
  body: string;
}

/** Of a path; `accept`: what the client takes. */
type Route = (accept: string) => Promise<Reply>;

/**
 * A server for a few paths that are read only. Node's own, because a process of the fleet serves three paths: a framework would
 * be half of the packages that a user of this library installs.
 */
export class HttpServer {
  private readonly server: Server;

  /** `routes`: the reply to GET and HEAD of a path. If a route throws, the reply is 500. */
  constructor(routes: Readonly<Record<string, Route>>) {
    this.server = createServer(async (request, response) => {
      const [path = ''] = (request.url ?? '').split('?');
      const { status, contentType, body } = await reply(
        request,
        Object.hasOwn(routes, path) ? routes[path] : undefined,
      );
      const headers = { 'content-type': contentType, 'content-length': Buffer.byteLength(body) };
      response.writeHead(status, status === 405 ? { ...headers, allow: 'GET, HEAD' } : headers);
      response.end(request.method === 'HEAD' ? undefined : body);
    });
  }

  /** Resolves with the URL when it listens; rejects with Node's error if it cannot. */
  listen(address: { host: string; port: number }): Promise<string> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ ...address, exclusive: true }, () => {
        this.server.off('error', reject);
        // A connection that cannot be accepted (too many open files) is no reason to end the process.
        this.server.on('error', () => undefined);
        resolve(urlOf(this.server.address() as AddressInfo));
      });
    });
  }

  /** Open connections are closed. Idempotent. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}

/** Never rejects. */
async function reply({ method, headers }: IncomingMessage, route: Route | undefined): Promise<Reply> {
  if (route === undefined) return failure(404, 'there is no such path');
  if (method !== 'GET' && method !== 'HEAD') return failure(405, 'only GET and HEAD');
  try {
    return await route(headers.accept ?? '');
  } catch (error) {
    return failure(500, error instanceof Error ? error.message : String(error));
  }
}

function failure(status: number, message: string): Reply {
  return json(status, { status: 'failing', reasons: [message] });
}

export function json(status: number, body: unknown): Reply {
  return { status, contentType: 'application/json; charset=utf-8', body: JSON.stringify(body) };
}

/** An address that stands for all of the machine's is shown as the loopback address, by which this machine reaches it. */
function urlOf({ address, port, family }: AddressInfo): string {
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address] ?? address;
  return family === 'IPv6' ? `http://[${reachable}]:${port}` : `http://${reachable}:${port}`;
}
