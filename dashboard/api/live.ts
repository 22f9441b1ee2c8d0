import { effect, signal } from '@preact/signals';
import { apiUrl, settings } from '../settings.ts';

/** Paused by whoever looks: nothing on the page moves by itself. Kept for this tab alone. */
export const paused = signal(sessionStorage.getItem('paused') === 'true');
effect(() => sessionStorage.setItem('paused', String(paused.value)));

export const visible = signal(document.visibilityState === 'visible');
document.addEventListener('visibilitychange', () => (visible.value = document.visibilityState === 'visible'));

/** `events`: the server sends what changed. `polling`: it is read now and then, because it has no events or the connection is down. */
export const liveness = signal<'events' | 'polling'>('polling');

type Listener = () => void;
const listeners = new Map<string, Set<Listener>>();
let source: EventSource | undefined;
let supported = settings.events;
let connected = '';

/** Calls `listener` when the topic has another version. Returns what ends it. */
export function onChange(topic: string, listener: Listener): () => void {
  const ofTopic = listeners.get(topic) ?? new Set();
  listeners.set(topic, ofTopic.add(listener));
  connectSoon();
  return () => {
    ofTopic.delete(listener);
    if (ofTopic.size === 0) listeners.delete(topic);
    connectSoon();
  };
}

let timer: ReturnType<typeof setTimeout> | undefined;
/** A page subscribes to several topics while it is built: one connection for all of them. */
function connectSoon(): void {
  clearTimeout(timer);
  timer = setTimeout(connect, 50);
}

function connect(): void {
  const topics = paused.peek() || !visible.peek() ? '' : [...listeners.keys()].toSorted().join(',');
  if (!supported || topics === connected) return;
  source?.close();
  source = undefined;
  connected = topics;
  liveness.value = 'polling';
  if (topics === '') return;
  const opened = new EventSource(apiUrl(`/v1/events?topics=${encodeURIComponent(topics)}`));
  source = opened;
  opened.addEventListener('open', () => (liveness.value = 'events'));
  opened.addEventListener('resync', () => {
    for (const ofTopic of listeners.values()) for (const listener of ofTopic) listener();
  });
  opened.addEventListener('version', (event) => {
    const { topic } = JSON.parse(event.data as string) as { topic: string };
    for (const listener of listeners.get(topic) ?? []) listener();
  });
  opened.addEventListener('error', () => {
    liveness.value = 'polling';
    // Closed by the browser: an answer that is no stream. Otherwise it connects again by itself.
    if (opened.readyState === EventSource.CLOSED) {
      supported = false;
      // An API that was restarted may have events again.
      setTimeout(() => {
        supported = true;
        connected = '';
        connectSoon();
      }, 60_000);
    }
  });
}

effect(() => {
  void paused.value;
  void visible.value;
  connectSoon();
});
