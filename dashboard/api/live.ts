import { computed, effect, signal } from '@preact/signals';
import { settings } from '../settings.ts';
import { SharedEvents } from './shared-events.ts';

/** Paused by whoever looks: nothing on the page moves by itself. Kept for this tab alone. */
export const paused = signal(sessionStorage.getItem('paused') === 'true');
effect(() => sessionStorage.setItem('paused', String(paused.value)));

export const visible = signal(document.visibilityState === 'visible');
document.addEventListener('visibilitychange', () => (visible.value = document.visibilityState === 'visible'));

/** Whether the server sends what changed. If not, it has no events or the connection is down, and pages are read now and then. */
const connected = signal(false);
/** Whether a page is shown that changes by itself. */
const following = signal(false);
export const liveness = computed<'events' | 'polling'>(() =>
  connected.value || !following.value ? 'events' : 'polling',
);

type Listener = () => void;
const listeners = new Map<string, Set<Listener>>();
const events = settings.events
  ? new SharedEvents({
      changed: (topic) => {
        for (const listener of listeners.get(topic) ?? []) listener();
      },
      resync: () => {
        for (const ofTopic of listeners.values()) for (const listener of ofTopic) listener();
      },
      connected: (yes) => {
        connected.value = yes;
      },
    })
  : undefined;

/** Calls `listener` when the topic has another version. Returns what ends it. */
export function onChange(topic: string, listener: Listener): () => void {
  const ofTopic = listeners.get(topic) ?? new Set();
  listeners.set(topic, ofTopic.add(listener));
  wantSoon();
  return () => {
    ofTopic.delete(listener);
    if (ofTopic.size === 0) listeners.delete(topic);
    wantSoon();
  };
}

let timer: ReturnType<typeof setTimeout> | undefined;
/** A page subscribes to several topics while it is built: one connection for all of them. */
function wantSoon(): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    following.value = listeners.size > 0;
    events?.want(paused.peek() || !visible.peek() ? [] : [...listeners.keys()]);
  }, 50);
}

effect(() => {
  void paused.value;
  void visible.value;
  wantSoon();
});
