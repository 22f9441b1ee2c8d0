import type { Principal } from '../permissions.ts';
import type { Answer } from '../route.ts';
import { ReadPace } from './read-pace.ts';
import { SharedRead } from './shared-read.ts';

/** The next read of what is being read begins at most this often. Whoever asks alone waits only for the pace (`ReadPace`). */
const SPACING_MS = 50;
/** What is kept for those who accept an answer of some age. */
const MOST_KEPT = 500;
const MOST_KEPT_BYTES = 16_777_216;
const KEPT_SECONDS = 60;

interface Lane {
  began: number;
  /** Of those who came while a read was under way: it begins after all of them have asked. */
  next: SharedRead | undefined;
}

interface Kept {
  readonly answer: Answer;
  readonly began: number;
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
  private readonly pace: ReadPace;

  constructor(pace = new ReadPace()) {
    this.pace = pace;
  }

  /** `key`: all that the answer depends on. `work` is cancelled when all who wait for it are gone. */
  async read(
    key: string,
    { signal, maxAgeSeconds }: { signal: AbortSignal; maxAgeSeconds: number },
    work: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const known = this.kept.get(key);
    const age = known === undefined ? Number.POSITIVE_INFINITY : (performance.now() - known.began) / 1000;
    const accepted = Math.max(maxAgeSeconds, known?.answer.keptSeconds ?? 0);
    if (known !== undefined && age <= Math.min(accepted, KEPT_SECONDS)) {
      const { answer } = known;
      return { ...answer, headers: { ...answer.headers, age: String(Math.ceil(age)) } };
    }
    const lane = this.lanes.get(key);
    const read = lane?.next === undefined || lane.next.isAbandoned ? new SharedRead(work) : lane.next;
    if (lane !== undefined) lane.next = read;
    if (maxAgeSeconds > 0 || known !== undefined) read.keep = true;
    const answer = read.join(signal);
    if (lane === undefined) void this.run(key, read);
    return answer;
  }

  private async run(key: string, first: SharedRead): Promise<void> {
    const lane: Lane = { began: 0, next: undefined };
    this.lanes.set(key, lane);
    for (let read: SharedRead | undefined = first; read !== undefined; read = lane.next) {
      lane.next = undefined;
      lane.began = performance.now();
      const answer = await read.run();
      this.pace.took(performance.now() - lane.began);
      if (answer !== undefined && (read.keep || (answer.keptSeconds ?? 0) > 0)) this.keep(key, answer, lane.began);
      const spacing = Math.max(lane.next === undefined ? 0 : SPACING_MS, this.pace.pauseMs);
      const wait = lane.began + spacing - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
    this.lanes.delete(key);
  }

  private keep(key: string, answer: Answer, began: number): void {
    this.drop(key);
    const bytes = key.length + (Buffer.isBuffer(answer.body) ? answer.body.length : 0);
    if (bytes > MOST_KEPT_BYTES / 8) return;
    this.kept.set(key, { answer, began, bytes });
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

/** What two may have in common: with the same rights, the same address is the same answer. */
export function shareKey(
  operation: string,
  url: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  { permissions, namespaces }: Principal,
): string {
  return JSON.stringify([
    operation,
    url,
    [...permissions].toSorted(),
    namespaces?.toSorted() ?? null,
    headers['if-none-match'] ?? null,
    headers['accept-encoding'] ?? null,
  ]);
}

/** 0: only an answer that is read now will do. */
export function maxAgeOf(headers: Readonly<Record<string, string | string[] | undefined>>): number {
  const [, seconds] = /(?:^|[\s,])max-age=(\d{1,6})(?:$|[\s,])/i.exec(String(headers['cache-control'] ?? '')) ?? [];
  return Number(seconds ?? 0);
}
