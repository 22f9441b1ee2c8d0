/** What a browser with the dashboard open asks for: dashboard/pages/task and dashboard/pages/now, with dashboard/api. */
import { Agent, get } from 'node:http';

/** Something that a page shows: read at first, after each event of its topic, and now and then. */
interface Shown {
  path: string;
  topic?: string;
  everySeconds: number;
}

/** `query.ts`: while there are events, what has a topic is read by itself ten times less often than without. */
const SLOWER = 10;

export const NOW: readonly Shown[] = [
  { path: '/v1/overview', topic: 'overview', everySeconds: 5 * SLOWER },
  { path: '/v1/workflows', everySeconds: 30 },
  { path: '/v1/stats', everySeconds: 60 },
];

export const taskPage = (id: string): readonly Shown[] => [
  { path: `/v1/tasks/${id}?steps=false`, topic: `task:${id}`, everySeconds: 3 * SLOWER },
  { path: `/v1/tasks/${id}/states`, topic: `task:${id}`, everySeconds: 20 },
  { path: `/v1/tasks/${id}/explain`, topic: `task:${id}`, everySeconds: 3 * SLOWER },
];

/** `anyNewerThan`: of what is shown and was read one interval ago. */
const acceptedAge = (everySeconds: number): number => Math.min(30, everySeconds - 2);

export interface Counts {
  requests: number;
  events: number;
  failed: number;
  bytes: number;
  /** How often each status or error was the reason of a failure. */
  reasons: Record<string, number>;
}

export const zero = (): Counts => ({ requests: 0, events: 0, failed: 0, bytes: 0, reasons: {} });

export function fail(counts: Counts, reason: string): void {
  counts.failed += 1;
  counts.reasons[reason] = (counts.reasons[reason] ?? 0) + 1;
}

/** One tab: a stream of events, and a connection or two for what it reads. */
export class Browser {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 5 });
  private readonly url: string;
  private readonly counts: Counts;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly reading = new Map<string, 'reading' | 'again'>();
  private readonly etags = new Map<string, string>();
  private readonly known = new Map<string, string>();
  private close: () => void = () => undefined;
  private closed = false;

  constructor(url: string, page: readonly Shown[], counts: Counts) {
    this.url = url;
    this.counts = counts;
    for (const { path, everySeconds } of page) {
      this.read(path);
      // Pages were opened at different times.
      const first = setTimeout(
        () => {
          this.read(path, acceptedAge(everySeconds));
          this.timers.push(setInterval(() => this.read(path, acceptedAge(everySeconds)), everySeconds * 1000));
        },
        Math.random() * everySeconds * 1000,
      );
      this.timers.push(first);
    }
    this.listen(page);
  }

  stop(): void {
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    this.close();
    this.agent.destroy();
  }

  private listen(page: readonly Shown[]): void {
    const topics = [...new Set(page.flatMap(({ topic }) => topic ?? []))];
    const again = (): void => {
      if (!this.closed) this.timers.push(setTimeout(() => this.listen(page), 1000 + 2000 * Math.random()));
    };
    const stream = get(`${this.url}/v1/events?topics=${topics.join(',')}`, { agent: false }, (response) => {
      if (response.statusCode !== 200) fail(this.counts, `events ${response.statusCode}`);
      response.on('close', again);
      let rest = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        const blocks = (rest + chunk).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          const [, topic] = /^event: version[^]*"topic":"([^"]+)"/.exec(block) ?? [];
          if (topic === undefined) continue;
          this.counts.events += 1;
          for (const shown of page) if (shown.topic === topic) this.read(shown.path);
        }
      });
      response.on('error', () => undefined);
    });
    stream.on('error', ({ message }) => {
      if (this.closed) return;
      fail(this.counts, message);
      again();
    });
    this.close = () => stream.destroy();
  }

  /** As `query.ts`: one read at a time of one address, and another one if it was asked for meanwhile. */
  private read(path: string, maxAgeSeconds = 0): void {
    if (this.closed) return;
    if (this.reading.has(path)) {
      if (maxAgeSeconds === 0) this.reading.set(path, 'again');
      return;
    }
    this.reading.set(path, 'reading');
    const version = this.known.get(path);
    const etag = this.etags.get(path);
    const request = get(
      `${this.url}${path}${version === undefined ? '' : `?since=${version}`}`,
      {
        agent: this.agent,
        headers: {
          ...(maxAgeSeconds === 0 ? {} : { 'cache-control': `max-age=${Math.floor(maxAgeSeconds)}` }),
          ...(path.endsWith('/states') ? {} : { 'accept-encoding': 'gzip' }),
          ...(etag === undefined ? {} : { 'if-none-match': etag }),
        },
      },
      (response) => {
        this.counts.requests += 1;
        if (response.statusCode !== 200 && response.statusCode !== 304)
          fail(this.counts, `${path.replaceAll(/\d+/g, 'N')} ${response.statusCode}`);
        if (response.headers.etag !== undefined) this.etags.set(path, response.headers.etag);
        let start = '';
        response.on('data', (chunk: Buffer) => {
          this.counts.bytes += chunk.length;
          if (path.endsWith('/states') && start === '') start = chunk.toString('latin1', 0, 300);
        });
        response.on('end', () => {
          const [, now] = /"version":"(\d+)"/.exec(start) ?? [];
          if (now !== undefined) this.known.set(path, now);
          const again = this.reading.get(path) === 'again';
          this.reading.delete(path);
          if (again) this.read(path);
        });
        response.on('error', () => this.reading.delete(path));
      },
    );
    request.on('error', ({ message }) => {
      this.reading.delete(path);
      if (!this.closed) fail(this.counts, message);
    });
  }
}
