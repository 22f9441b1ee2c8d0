import { apiUrl } from '../settings.ts';

/** The longest list of topics that the API takes. */
const MOST_CHARACTERS = 1900;
/** An API that has no events, or has them no longer, is asked again after this. */
const UNSUPPORTED_MS = 60_000;

export interface EventListener {
  readonly changed: (topic: string) => void;
  /** Everything may have changed. */
  readonly resync: () => void;
  readonly connected: (yes: boolean) => void;
}

/** One connection to `/v1/events`, for whatever topics are wanted. It says of a topic that it has changed when its version is another one. */
export class EventConnection {
  private readonly listener: EventListener;
  private source: EventSource | undefined;
  private topics = '';
  private supported = true;
  private wanted: readonly string[] = [];
  /** What was sent last: a connection that is made anew for one topic more changes nothing of the others. */
  private readonly versions = new Map<string, string>();

  constructor(listener: EventListener) {
    this.listener = listener;
  }

  /** None: the connection is closed. */
  want(topics: readonly string[]): void {
    this.wanted = topics;
    const list = listOf(topics);
    if (!this.supported || list === this.topics) return;
    this.source?.close();
    this.source = undefined;
    this.topics = list;
    for (const topic of this.versions.keys()) if (!topics.includes(topic)) this.versions.delete(topic);
    if (list === '') this.listener.connected(false);
    else this.open(list);
  }

  private open(list: string): void {
    const source = new EventSource(apiUrl(`/v1/events?topics=${encodeURIComponent(list)}`));
    this.source = source;
    source.addEventListener('open', () => this.listener.connected(true));
    source.addEventListener('resync', () => this.listener.resync());
    source.addEventListener('version', (event) => {
      const { topic, version } = JSON.parse(event.data as string) as { topic: string; version: string };
      if (this.versions.get(topic) === version) return;
      this.versions.set(topic, version);
      this.listener.changed(topic);
    });
    source.addEventListener('error', () => {
      if (this.source !== source) return;
      this.listener.connected(false);
      // Closed by the browser: an answer that is no stream. Otherwise it connects again by itself.
      if (source.readyState !== EventSource.CLOSED) return;
      this.supported = false;
      this.topics = '';
      setTimeout(() => {
        this.supported = true;
        this.want(this.wanted);
      }, UNSUPPORTED_MS);
    });
  }
}

/** In an order of its own, so that the same topics are the same connection. Those that are too many are read now and then. */
function listOf(topics: readonly string[]): string {
  let list = '';
  for (const topic of topics.toSorted()) {
    if (list.length + topic.length + 1 > MOST_CHARACTERS) break;
    list += list === '' ? topic : `,${topic}`;
  }
  return list;
}
