import { effect, signal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { liveness, onChange, paused, visible } from './live.ts';
import { anyNewerThan, type Problem, request } from './request.ts';

/** What a component knows of an address of the API. */
export interface Query<Body> {
  readonly data: Body | undefined;
  readonly problem: Problem | undefined;
  /** For the first time: there is nothing to show yet. */
  readonly loading: boolean;
  readonly etag: string | undefined;
  /** When it was last known to be as it is; of this browser's clock. */
  readonly at: number | undefined;
  readonly reload: () => void;
}

export interface QueryOptions {
  /** Of `/v1/events`: read again when it changes. */
  readonly topic?: string;
  /** How often it is read if there are no events; 0: once. */
  readonly everySeconds?: number;
}

interface State extends Omit<Query<unknown>, 'reload'> {
  /** Not yet read again: the API may have kept it from a moment before, and what has changed since had its event already. */
  readonly isUnconfirmed: boolean;
}

interface Entry {
  readonly state: Signal<State>;
  users: number;
  reading: AbortController | undefined;
  again: boolean;
  /** `anyNewer`: whatever was read after what is shown will do, such as what another page has just asked for. */
  load(anyNewer?: boolean): void;
}

/** With events, they are waited for; now and then it is read all the same, in case one was lost. */
const EVENTS_SLOWER = 10;
/** What could not be read, and of which there is nothing to show, is asked for again this soon. */
const AGAIN_SECONDS = 2;

const NOTHING: State = {
  data: undefined,
  problem: undefined,
  loading: true,
  etag: undefined,
  at: undefined,
  isUnconfirmed: false,
};
/** Addresses that nobody shows any more are kept for a moment: going back shows at once what was there. */
const MOST_KEPT = 60;

const entries = new Map<string, Entry>();

/** Everything that is known and shown is read again. */
export function reloadAll(): void {
  for (const entry of entries.values()) if (entry.users > 0) entry.load();
}

/** What was read before somebody signed in, or out, is nobody's. */
export function forgetAll(): void {
  for (const entry of entries.values()) {
    entry.state.value = NOTHING;
    if (entry.users > 0) entry.load();
  }
}

function entryOf(path: string): Entry {
  const known = entries.get(path);
  if (known !== undefined) return known;
  for (const [other, { users }] of entries) {
    if (entries.size <= MOST_KEPT) break;
    if (users === 0) entries.delete(other);
  }
  const entry: Entry = {
    state: signal(NOTHING),
    users: 0,
    reading: undefined,
    again: false,
    load(anyNewer = false) {
      if (entry.reading !== undefined) {
        entry.again ||= !anyNewer;
        return;
      }
      entry.again = false;
      void read(path, entry, anyNewer);
    },
  };
  entries.set(path, entry);
  return entry;
}

async function read(path: string, entry: Entry, anyNewer: boolean): Promise<void> {
  const reading = (entry.reading = new AbortController());
  const before = entry.state.peek();
  try {
    const { body, etag, ageSeconds } = await request<unknown>(path, {
      etag: before.etag,
      signal: reading.signal,
      maxAgeSeconds: anyNewer && before.at !== undefined ? anyNewerThan(before.at) : 0,
    });
    entry.state.value = {
      data: body === undefined ? before.data : body,
      problem: undefined,
      loading: false,
      etag: etag ?? (body === undefined ? before.etag : undefined),
      at: Date.now() - ageSeconds * 1000,
      isUnconfirmed: !anyNewer,
    };
  } catch (error) {
    if ((error as Error).name === 'AbortError') return;
    // What was there stays: a page that is a minute old says more than one that is empty.
    entry.state.value = { ...before, problem: error as Problem, loading: false };
  } finally {
    entry.reading = undefined;
    if (entry.again) entry.load();
  }
}

/** Undefined path: nothing is read. */
export function useQuery<Body>(path: string | undefined, options: QueryOptions = {}): Query<Body> {
  const { topic, everySeconds = 5 } = options;
  const entry = useMemo(() => (path === undefined ? undefined : entryOf(path)), [path]);
  useEffect(() => {
    if (entry === undefined) return undefined;
    entry.users += 1;
    entry.load();
    const unsubscribe = topic === undefined ? undefined : onChange(topic, () => entry.load());
    const stop = effect(() => {
      // Until it has been read once: a server that was overloaded for a moment is not an empty page for half a minute.
      const { data, problem, isUnconfirmed } = entry.state.value;
      const isMissing = data === undefined && problem !== undefined && (problem.passes || problem.status >= 500);
      // Without events it is read again by the time.
      const isToConfirm = isUnconfirmed && everySeconds > 0 && topic !== undefined && liveness.value === 'events';
      if (!(isMissing || isToConfirm) || paused.value || !visible.value) return undefined;
      const timer = setTimeout(() => entry.load(!isMissing), (isMissing ? AGAIN_SECONDS : everySeconds) * 1000);
      return () => clearTimeout(timer);
    });
    const stopRefreshing = effect(() => {
      if (paused.value || !visible.value || everySeconds === 0) return undefined;
      const slower = topic !== undefined && liveness.value === 'events' ? EVENTS_SLOWER : 1;
      const age = Date.now() - (entry.state.peek().at ?? Date.now());
      // A tab that comes back shows what is so now.
      if (age > everySeconds * 1000 * slower) entry.load(true);
      const timer = setInterval(() => entry.load(true), everySeconds * 1000 * slower);
      return () => clearInterval(timer);
    });
    return () => {
      entry.users -= 1;
      unsubscribe?.();
      stop();
      stopRefreshing();
      if (entry.users === 0) entry.reading?.abort();
    };
  }, [entry, topic, everySeconds]);
  const state = entry?.state.value ?? { ...NOTHING, loading: false };
  return { ...state, data: state.data as Body | undefined, reload: () => entry?.load() };
}
