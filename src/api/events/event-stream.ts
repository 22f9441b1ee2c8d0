import { PassThrough, type Readable } from 'node:stream';
import type { Credentials } from '../auth/authenticator.ts';
import type { Principal } from '../permissions.ts';

/** Why the server ends a stream. */
export type CloseReason = 'draining' | 'forbidden' | 'slow';

/** What waits for a reader that does not read. */
const MOST_WAITING_BYTES = 65_536;
/** When a browser tries again, scattered so that those of one process do not come at once. */
const RETRY_MS = 1000;
const RETRY_SPREAD_MS = 2000;

/** One stream of server-sent events, to one reader. */
export class EventStream {
  principal: Principal;
  readonly credentials: Credentials;
  readonly topics: readonly string[];
  private readonly through = new PassThrough();
  private lastId: number;

  constructor(options: {
    principal: Principal;
    credentials: Credentials;
    topics: readonly string[];
    lastId: number | undefined;
  }) {
    const { principal, credentials, topics, lastId } = options;
    this.principal = principal;
    this.credentials = credentials;
    this.topics = topics;
    this.lastId = lastId ?? 0;
    this.through.write(`retry: ${RETRY_MS + Math.floor(Math.random() * RETRY_SPREAD_MS)}\n\n`);
    // Events of the time between are lost: whoever comes back reads everything anew.
    if (lastId !== undefined) this.send('resync', {});
  }

  get body(): Readable {
    return this.through;
  }

  /** False: the reader is too slow. */
  send(event: string, data: object): boolean {
    if (this.through.destroyed || this.through.writableEnded) return true;
    this.lastId += 1;
    this.through.write(`event: ${event}\nid: ${this.lastId}\ndata: ${JSON.stringify(data)}\n\n`);
    return this.through.writableLength + this.through.readableLength <= MOST_WAITING_BYTES;
  }

  /** So that no proxy takes the connection for dead. */
  beat(): void {
    if (!this.through.destroyed && !this.through.writableEnded) this.through.write(': \n\n');
  }

  end(reason: CloseReason): void {
    if (reason === 'slow') {
      this.through.destroy();
      return;
    }
    this.send('closed', { reason });
    this.through.end();
  }

  destroy(): void {
    this.through.destroy();
  }
}
