import type { Principal } from '../permissions.ts';
import type { Answer } from '../route.ts';
import { takesGzip } from './compress.ts';
import { ReadPace } from './read-pace.ts';
import { SharedRead } from './shared-read.ts';

/** The next read of what is being read begins at most this often. Whoever asks alone waits only for the pace (`ReadPace`). */
const SPACING_MS = 50;
/** What is kept for those who accept an answer of some age. */
const MOST_KEPT = 500;
const MOST_KEPT_BYTES = 16_777_216;
const KEPT_SECONDS = 60;

/** One thing that is read, whatever forms of it are asked for. */
interface Lane {
  began: number;
  /** Of those who came while a read was under way, by the form that they ask for: all begin after all of them have asked. */
  next: Map<string, SharedRead>;
}

interface Kept {
  readonly answer: Answer;
  readonly began: number;
  /** For all, whatever age they accept. */
  readonly forMs: number;
  readonly bytes: number;
}

/**
 * Many readers of one thing are one reader for the database. An event makes all pages that show a task ask for it at the same moment: one read
 * is under way, and all who come meanwhile share the next one, which begins after they have asked. So nobody gets an older answer than they
 * would have got alone. Whoever says `Cache-Control: max-age=N` takes an answer that was read up to N seconds ago.
 */
export class SharedReads {
  private readonly lanes = new Map<string, Lane>();
  private readonly kept = new Map<string, Kept>();
  private keptBytes = 0;
  /** What was read before is given to nobody who comes later. */
  private forgotten = 0;
  private readonly pace: ReadPace;

  constructor(pace = new ReadPace()) {
    this.pace = pace;
  }

  /**
   * `thing`: what is read; `key`: all that the answer depends on, such as what the reader has of it already. All forms of a thing are read at the same time:
   * so readers who have different ones have the same one after it. `work` is cancelled when all who wait for it are gone. `waits` is called if it
   * does not begin at once.
   */
  async read(
    { thing, key }: ShareKey,
    { signal, maxAgeSeconds, waits }: { signal: AbortSignal; maxAgeSeconds: number; waits?: () => void },
    work: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const known = this.kept.get(key);
    if (known !== undefined) {
      const age = performance.now() - known.began;
      const accepted = Math.max(maxAgeSeconds * 1000, known.forMs);
      if (age <= Math.min(accepted, KEPT_SECONDS * 1000)) {
        const { answer } = known;
        return { ...answer, headers: { ...answer.headers, age: String(Math.ceil(age / 1000)) } };
      }
    }
    const lane = this.lanes.get(thing);
    const waiting = lane?.next.get(key);
    const read = waiting === undefined || waiting.isAbandoned ? new SharedRead(work) : waiting;
    lane?.next.set(key, read);
    if (maxAgeSeconds > 0 || known !== undefined) read.keep = true;
    const answer = read.join(signal);
    if (lane === undefined) void this.run(thing, new Map([[key, read]]));
    else waits?.();
    return answer;
  }

  /** An operator has changed something: whoever asks after it sees it, and not what was kept from before. */
  forget(): void {
    this.forgotten += 1;
    this.kept.clear();
    this.keptBytes = 0;
  }

  private async run(thing: string, first: Lane['next']): Promise<void> {
    const lane: Lane = { began: 0, next: first };
    this.lanes.set(thing, lane);
    while (lane.next.size > 0) {
      const reads = lane.next;
      lane.next = new Map();
      lane.began = performance.now();
      const took = await Promise.all([...reads].map(([key, read]) => this.runOne(key, read)));
      const spacing = Math.max(lane.next.size === 0 ? 0 : SPACING_MS, this.pace.pauseFor(Math.max(...took)));
      const wait = lane.began + spacing - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
    this.lanes.delete(thing);
  }

  /** How long it took. */
  private async runOne(key: string, read: SharedRead): Promise<number> {
    const began = performance.now();
    const { forgotten } = this;
    const answer = await read.run();
    const took = performance.now() - began;
    this.pace.took(took);
    const forMs = answer?.mayBeKept === true ? this.pace.keptFor(took) : 0;
    if (answer !== undefined && forgotten === this.forgotten && (read.keep || forMs > 0))
      this.keep(key, { answer, began, forMs });
    return took;
  }

  private keep(key: string, kept: Omit<Kept, 'bytes'>): void {
    this.drop(key);
    const { body } = kept.answer;
    const bytes = key.length + (Buffer.isBuffer(body) ? body.length : 0);
    if (bytes > MOST_KEPT_BYTES / 8) return;
    this.kept.set(key, { ...kept, bytes });
    this.keptBytes += bytes;
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= MOST_KEPT && this.keptBytes <= MOST_KEPT_BYTES) break;
      this.drop(oldest);
    }
  }

  private drop(key: string): void {
    this.keptBytes -= this.kept.get(key)?.bytes ?? 0;
    this.kept.delete(key);
  }
}

/** What two may have in common. */
export interface ShareKey {
  readonly thing: string;
  readonly key: string;
}

/** With the same rights, the same address is the same answer, and the same thing whatever the reader has of it already. */
export function shareKey(
  operation: string,
  url: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  { permissions, namespaces }: Principal,
): ShareKey {
  // No line of a request contains a line break, nor does its address a blank.
  const rights = rightsOf(permissions, namespaces);
  const form = `${headers['if-none-match'] ?? ''}\n${takesGzip(headers) ? 'gzip' : ''}`;
  return {
    thing: `${operation} ${url.replace(/([?&])since=\d+(?:&|$)/, '$1')} ${rights}`,
    key: `${operation} ${url} ${rights}\n${form}`,
  };
}

/** As text, of sets of permissions that are the same objects for many requests. */
const texts = new WeakMap<ReadonlySet<string>, string>();

function rightsOf(permissions: Principal['permissions'], namespaces: Principal['namespaces']): string {
  let text = texts.get(permissions);
  if (text === undefined) texts.set(permissions, (text = [...permissions].toSorted().join()));
  return namespaces === undefined ? text : `${text} ${JSON.stringify(namespaces.toSorted())}`;
}

/** 0: only an answer that is read now will do. */
export function maxAgeOf(headers: Readonly<Record<string, string | string[] | undefined>>): number {
  const [, seconds] = /(?:^|[\s,])max-age=(\d{1,6})(?:$|[\s,])/i.exec(String(headers['cache-control'] ?? '')) ?? [];
  return Number(seconds ?? 0);
}
