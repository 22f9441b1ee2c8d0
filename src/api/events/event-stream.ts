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

/** Events as they are sent. One that many get is written once. */
export class EventTexts {
  /** A later event has a higher number, in whichever process after whichever restart. */
  private lastId = Date.now();

  of(event: string, data: object): Buffer {
    this.lastId += 1;
    return Buffer.from(`event: ${event}\nid: ${this.lastId}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}

const BEAT = Buffer.from(': \n\n');

/** One stream of server-sent events, to one reader. */
export class EventStream {
  principal: Principal;
  readonly credentials: Credentials;
  readonly topics: readonly string[];
  private readonly through = new PassThrough();
  private readonly texts: EventTexts;

  constructor(options: {
    principal: Principal;
    credentials: Credentials;
    topics: readonly string[];
    /** The reader was here before. */
    comesBack: boolean;
    texts: EventTexts;
  }) {
    const { principal, credentials, topics, comesBack, texts } = options;
    this.principal = principal;
    this.credentials = credentials;
    this.topics = topics;
    this.texts = texts;
    this.through.write(`retry: ${RETRY_MS + Math.floor(Math.random() * RETRY_SPREAD_MS)}\n\n`);
    // Events of the time between are lost: whoever comes back reads everything anew.
    if (comesBack) this.send(texts.of('resync', {}));
  }

  get body(): Readable {
    return this.through;
  }

  /** False: the reader is too slow. */
  send(text: Buffer): boolean {
    if (this.through.destroyed || this.through.writableEnded) return true;
    this.through.write(text);
    return this.through.writableLength + this.through.readableLength <= MOST_WAITING_BYTES;
  }

  /** So that no proxy takes the connection for dead. */
  beat(): void {
    if (!this.through.destroyed && !this.through.writableEnded) this.through.write(BEAT);
  }

  end(reason: CloseReason): void {
    if (reason === 'slow') {
      this.through.destroy();
      return;
    }
    this.send(this.texts.of('closed', { reason }));
    this.through.end();
  }

  destroy(): void {
    this.through.destroy();
  }
}
