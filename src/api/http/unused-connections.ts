import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A request that was on its way when the process began to stop has arrived by then. */
const ARRIVED_MS = 500;

/**
 * Ends connections without a request when a server stops. Node's `closeIdleConnections` leaves those on which nothing was ever asked, such as the ones that
 * browsers open ahead, and a server that is closed no longer ends them after the time for headers: a stop would wait for them as for a request.
 */
export class UnusedConnections {
  /** Requests under way. */
  private readonly requests = new Map<Socket, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.requests.set(socket, 0);
      socket.once('close', () => this.requests.delete(socket));
    });
    server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.count(socket, 1);
      response.once('close', () => this.count(socket, -1));
    });
  }

  /** From now on, until `stop`. */
  end(): void {
    this.timer ??= setInterval(() => {
      for (const [socket, requests] of this.requests) if (requests === 0) socket.destroy();
    }, ARRIVED_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private count(socket: Socket, change: number): void {
    const requests = this.requests.get(socket);
    // A connection that was closed has none.
    if (requests !== undefined) this.requests.set(socket, requests + change);
  }
}
