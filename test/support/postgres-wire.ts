import type { Socket } from 'node:net';

/** One statement on its way to the server. */
export interface Call {
  /** The name of the prepared statement (`claim_steps_8`, `complete_steps`); '' for a statement that is not prepared. */
  name: string;
  text: string;
}

/**
 * When the connection of a call breaks:
 * - before: the server never receives the call;
 * - executed: the server has run it and not committed it (its transaction rolls back);
 * - committed: the server has committed it and its response is lost;
 * - silent_before, silent_committed: the same two, but neither side gets a reset: both keep their half-open connection.
 * For a statement inside an explicit transaction, "committed" means executed: match the text COMMIT to mean the commit.
 */
export type CutMoment = 'before' | 'executed' | 'committed' | 'silent_before' | 'silent_committed';

export interface CutOptions {
  moment: CutMoment;
  /** Default 1. */
  times?: number;
}

export interface Cut {
  /** Resolves when it has happened for the first time. */
  readonly fired: Promise<void>;
  readonly count: number;
  cancel(): void;
}

export interface CutRule {
  match: (call: Call) => boolean;
  moment: CutMoment;
  left: number;
  count: number;
  fire: () => void;
}

export type Replacement = readonly [from: string, to: string];

const SSL_REQUEST = 80_877_103;
const CANCEL_REQUEST = 80_877_102;
/** The server's response to a request for TLS: `S`, otherwise `N`. */
const ACCEPTS_TLS = 0x53;
/** The Flush message: the server sends the results so far, and commits nothing. */
const FLUSH = Buffer.from([0x48, 0, 0, 0, 4]);

/**
 * One connection through the proxy. It reads PostgreSQL's protocol message by message, so that a connection can be broken
 * exactly between the execution of a statement and its commit, which no timer could hit.
 */
export class WireLink {
  onClosed: () => void = () => undefined;
  private readonly client: Socket;
  private readonly server: Socket;
  private readonly rules: Set<CutRule>;
  private readonly replaces: Replacement | undefined;
  private readonly prepared = new Map<string, string>();
  private fromClient: Buffer = Buffer.alloc(0);
  private fromServer: Buffer = Buffer.alloc(0);
  private started = false;
  /** The client has requested TLS: the server's next byte accepts or refuses it. */
  private tlsRequested = false;
  /** The traffic is encrypted: no message can be read, and no rule applies. */
  private encrypted = false;
  private closed = false;
  /** Half open: nothing passes any more, and neither side gets a reset. */
  private silent = false;
  /** The rule that applies to the current call: the server's response decides when it cuts the connection. */
  private armed: CutRule | undefined;

  constructor(client: Socket, server: Socket, rules: Set<CutRule>, replaces?: Replacement) {
    this.client = client;
    this.server = server;
    this.rules = rules;
    this.replaces = replaces;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    client.on('data', (data) => this.receiveFromClient(data));
    server.on('data', (data) => this.receiveFromServer(data));
    client.on('end', () => this.end(server));
    server.on('end', () => this.end(client));
    client.on('close', () => this.shut());
    server.on('close', () => this.shut());
  }

  /** Resets both sides. */
  break(): void {
    for (const socket of [this.client, this.server]) if (!socket.destroyed) socket.resetAndDestroy();
    this.shut();
  }

  pause(): void {
    this.client.pause();
    this.server.pause();
  }

  resume(): void {
    this.client.resume();
    this.server.resume();
  }

  private end(other: Socket): void {
    // On a half-open connection, one side does not notice that the other has closed it.
    if (!this.silent) other.end();
  }

  private shut(): void {
    if (this.closed || (this.silent && !(this.client.destroyed && this.server.destroyed))) return;
    this.closed = true;
    if (!this.client.destroyed) this.client.destroy();
    if (!this.server.destroyed) this.server.destroy();
    this.onClosed();
  }

  private receiveFromClient(data: Buffer): void {
    if (this.silent) return;
    if (this.encrypted) {
      this.server.write(data);
      return;
    }
    this.fromClient = Buffer.concat([this.fromClient, data]);
    for (let message = this.nextFromClient(); message !== undefined; message = this.nextFromClient()) {
      if (!this.forward(message)) return;
    }
  }

  private nextFromClient(): Buffer | undefined {
    const buffer = this.fromClient;
    const header = this.started ? 5 : 4;
    if (buffer.length < header) return undefined;
    const length = this.started ? buffer.readInt32BE(1) + 1 : buffer.readInt32BE(0);
    if (buffer.length < length) return undefined;
    this.fromClient = buffer.subarray(length);
    return buffer.subarray(0, length);
  }

  /** Returns false if the connection is broken now. */
  private forward(message: Buffer): boolean {
    if (!this.started) {
      const code = message.readInt32BE(4);
      this.tlsRequested = code === SSL_REQUEST;
      if (code !== SSL_REQUEST && code !== CANCEL_REQUEST) this.started = true;
      this.server.write(message);
      return true;
    }
    const kind = String.fromCharCode(message[0] as number);
    if (kind === 'S' && this.armed?.moment === 'executed') {
      this.server.write(FLUSH);
      return true;
    }
    const call = this.callOf(kind, message);
    const rule =
      call === undefined
        ? undefined
        : [...this.rules].find((r) => r.left > 0 && (kind !== 'P' || isBefore(r.moment)) && r.match(call));
    if (rule !== undefined) {
      rule.left -= 1;
      if (isBefore(rule.moment)) {
        this.cut(rule);
        return false;
      }
      this.armed = rule;
    }
    if (kind === 'Q' || kind === 'P') this.replaceIn(message);
    this.server.write(message);
    return true;
  }

  private replaceIn(message: Buffer): void {
    if (this.replaces === undefined) return;
    const [from, to] = this.replaces;
    // A message of another length would need another header.
    if (from.length !== to.length) throw new Error(`"${to}" is not as long as "${from}"`);
    const at = message.indexOf(from);
    if (at >= 0) message.write(to, at);
  }

  private callOf(kind: string, message: Buffer): Call | undefined {
    if (kind === 'Q') return { name: '', text: textAt(message, 5).text };
    if (kind === 'P') {
      // A server that got only this message would not be idle: it would wait for the rest, with its locks, and no time limit would apply.
      const name = textAt(message, 5);
      const { text } = textAt(message, name.next);
      this.prepared.set(name.text, text);
      return { name: name.text, text };
    }
    if (kind !== 'B') return undefined;
    const name = textAt(message, textAt(message, 5).next).text;
    return { name, text: this.prepared.get(name) ?? '' };
  }

  private receiveFromServer(data: Buffer): void {
    if (this.silent) return;
    if (this.tlsRequested) {
      this.tlsRequested = false;
      this.encrypted = data[0] === ACCEPTS_TLS;
    }
    if (this.armed === undefined) {
      this.client.write(data);
      return;
    }
    // From here on the client receives nothing more.
    this.fromServer = Buffer.concat([this.fromServer, data]);
    const moment = this.armed.moment;
    while (this.fromServer.length >= 5) {
      const length = this.fromServer.readInt32BE(1) + 1;
      if (this.fromServer.length < length) return;
      const kind = String.fromCharCode(this.fromServer[0] as number);
      this.fromServer = this.fromServer.subarray(length);
      // CommandComplete: executed. ReadyForQuery: committed, or failed. ErrorResponse: failed.
      if ((moment === 'executed' && kind === 'C') || kind === 'Z' || kind === 'E') {
        this.cut(this.armed);
        return;
      }
    }
  }

  private cut(rule: CutRule): void {
    if (rule.moment.startsWith('silent')) this.silent = true;
    else this.break();
    rule.count += 1;
    rule.fire();
  }
}

const isBefore = (moment: CutMoment): boolean => moment === 'before' || moment === 'silent_before';

function textAt(message: Buffer, start: number): { text: string; next: number } {
  const end = message.indexOf(0, start);
  return { text: message.toString('utf8', start, end), next: end + 1 };
}
