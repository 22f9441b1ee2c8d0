import type { Authenticate } from '../auth/authenticator.ts';
import type { Principal } from '../permissions.ts';
import { Problem } from '../problem.ts';
import { type CloseReason, EventStream, EventTexts } from './event-stream.ts';
import { checkTopic, taskOf } from './topics.ts';
import { type VersionSource, VersionWatch } from './version-watch.ts';

export interface EventHubOptions {
  authenticate: Authenticate;
  /** Whether a principal may see a task. */
  maySee(taskId: string, principal: Principal): Promise<boolean>;
  /** Of topics of tasks, of what is paused, of the other topics of the fleet, and of those that are made of reports. */
  sources: { tasks: VersionSource; pauses: VersionSource; fleet: VersionSource; reports: VersionSource };
  /** Topics of `sources.reports`: they are read as soon as something else is paused. */
  reportTopics: ReadonlySet<string>;
  /** Streams of this process, and of one principal. */
  mostStreams: number;
  mostOfPrincipal: number;
  /** How often each stream is authorised anew. */
  recheckMs: number;
  onSent(topic: string): void;
  onClosed(reason: CloseReason | 'gone'): void;
}

const PAUSES = 'pauses';
/** Proxies close connections without traffic, after 30 seconds at the earliest. */
const BEAT_MS = 15_000;

/**
 * The event streams of this process. They carry versions, never data: whoever reads one asks for what has changed, and is authorised by that
 * request. What is watched is read once for all streams.
 */
export class EventHub {
  private readonly options: EventHubOptions;
  private readonly streams = new Set<EventStream>();
  private readonly texts = new EventTexts();
  private readonly watchers = new Map<string, Set<EventStream>>();
  private readonly tasks: VersionWatch;
  private readonly pauses: VersionWatch;
  private readonly fleet: VersionWatch;
  private readonly reports: VersionWatch;
  private readonly timers: NodeJS.Timeout[];
  private rechecking: Promise<void> | undefined;

  constructor(options: EventHubOptions) {
    this.options = options;
    const onVersion = (topic: string, version: string): void => this.publish(topic, version);
    this.tasks = new VersionWatch(options.sources.tasks, onVersion);
    this.pauses = new VersionWatch(options.sources.pauses, (topic, version) => {
      onVersion(topic, version);
      this.reports.wake();
    });
    this.fleet = new VersionWatch(options.sources.fleet, onVersion);
    this.reports = new VersionWatch(options.sources.reports, onVersion);
    this.timers = [
      setInterval(() => void this.recheck(), options.recheckMs).unref(),
      setInterval(() => this.beat(), BEAT_MS).unref(),
    ];
  }

  get size(): number {
    return this.streams.size;
  }

  /** Opens a stream; it ends with the signal. Throws Problem if the principal may not watch one of the topics, or has too many streams. */
  async open(
    given: Pick<EventStream, 'principal' | 'credentials' | 'topics'> & {
      comesBack: boolean;
      signal: AbortSignal;
    },
  ): Promise<EventStream> {
    this.checkLimits(given.principal);
    await this.authorise(given.topics, given.principal);
    given.signal.throwIfAborted();
    // Others may have come while the tasks were looked up.
    this.checkLimits(given.principal);
    const stream = new EventStream({ ...given, texts: this.texts });
    this.streams.add(stream);
    given.signal.addEventListener('abort', () => {
      const draining = given.signal.reason instanceof Problem;
      this.close(stream, draining ? 'draining' : 'gone');
    });
    for (const topic of stream.topics) this.subscribe(stream, topic);
    return stream;
  }

  /** Authorises every stream anew, and closes those whose reader may not see what they are about any longer. */
  recheck(): Promise<void> {
    this.rechecking ??= this.recheckAll().finally(() => (this.rechecking = undefined));
    return this.rechecking;
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    for (const stream of this.streams) this.close(stream, 'draining');
    for (const watch of [this.tasks, this.pauses, this.fleet, this.reports]) watch.stop();
  }

  private checkLimits({ id }: Principal): void {
    const { mostStreams, mostOfPrincipal } = this.options;
    const own = [...this.streams].filter(({ principal }) => principal.id === id).length;
    const retry = { headers: { 'retry-after': '5' } };
    if (own >= mostOfPrincipal)
      throw new Problem(
        'TOO_MANY_REQUESTS',
        `${own} event streams are open for whoever asks: close one of them`,
        retry,
      );
    if (this.streams.size >= mostStreams)
      throw new Problem('OVERLOADED', 'this process of the API has as many event streams as it takes', retry);
  }

  private async authorise(topics: readonly string[], principal: Principal): Promise<void> {
    for (const topic of topics) checkTopic(topic, principal);
    for (const topic of topics) {
      const taskId = taskOf(topic);
      if (taskId !== undefined && !(await this.options.maySee(taskId, principal)))
        throw new Problem('NOT_FOUND', `there is no task ${taskId}`);
    }
  }

  private async recheckAll(): Promise<void> {
    for (const stream of this.streams) {
      try {
        const principal = await this.options.authenticate(stream.credentials);
        if (principal === undefined) this.close(stream, 'forbidden');
        else if (isOther(principal, stream.principal)) {
          await this.authorise(stream.topics, principal);
          stream.principal = principal;
        }
      } catch (error) {
        // A database that is away for a moment is no refusal. Of a task that was removed the stream has nothing to report.
        if (error instanceof Problem && error.status < 429) this.close(stream, 'forbidden');
      }
    }
  }

  private watchOf(topic: string): VersionWatch {
    if (taskOf(topic) !== undefined) return this.tasks;
    if (topic === PAUSES) return this.pauses;
    return this.options.reportTopics.has(topic) ? this.reports : this.fleet;
  }

  private subscribe(stream: EventStream, topic: string): void {
    const watch = this.watchOf(topic);
    let watchers = this.watchers.get(topic);
    if (watchers === undefined) this.watchers.set(topic, (watchers = new Set()));
    watchers.add(stream);
    watch.add(topic);
    this.watchPauses();
    const version = watch.versionOf(topic);
    if (version !== undefined) this.sendVersion(stream, topic, this.texts.of('version', { topic, version }));
  }

  /** What is paused is in some reports as well. */
  private watchPauses(): void {
    const { reportTopics } = this.options;
    const isWanted = [...this.watchers.keys()].some((topic) => topic === PAUSES || reportTopics.has(topic));
    if (isWanted) this.pauses.add(PAUSES);
    else this.pauses.remove(PAUSES);
  }

  private publish(topic: string, version: string): void {
    const text = this.texts.of('version', { topic, version });
    for (const stream of this.watchers.get(topic) ?? []) this.sendVersion(stream, topic, text);
  }

  private sendVersion(stream: EventStream, topic: string, text: Buffer): void {
    this.options.onSent(topic);
    if (!stream.send(text)) this.close(stream, 'slow');
  }

  private beat(): void {
    for (const stream of this.streams) stream.beat();
  }

  private close(stream: EventStream, reason: CloseReason | 'gone'): void {
    if (!this.streams.delete(stream)) return;
    for (const topic of stream.topics) {
      const watchers = this.watchers.get(topic);
      watchers?.delete(stream);
      if (watchers?.size !== 0) continue;
      this.watchers.delete(topic);
      if (topic !== PAUSES) this.watchOf(topic).remove(topic);
    }
    this.watchPauses();
    if (reason === 'gone') stream.destroy();
    else stream.end(reason);
    this.options.onClosed(reason);
  }
}

/** Another role, other permissions or other namespaces. */
function isOther(a: Principal, b: Principal): boolean {
  const text = ({ id, role, permissions, namespaces }: Principal): string =>
    JSON.stringify([id, role, [...permissions].toSorted(), namespaces?.toSorted() ?? null]);
  return text(a) !== text(b);
}
