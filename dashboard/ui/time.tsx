import { computed, signal } from '@preact/signals';
import { visible } from '../api/live.ts';
import { formatAge } from '../format.ts';

/** One clock for the page: each second, while somebody looks. */
export const clock = signal(Date.now());
setInterval(() => {
  if (visible.peek()) clock.value = Date.now();
}, 1000);

/** `local`: of the browser; otherwise a name of the time zone database, such as `UTC`. */
export const zone = signal(known(localStorage.getItem('zone')));
export function setZone(name: string): void {
  zone.value = known(name);
  localStorage.setItem('zone', zone.value);
}

/** What is stored may be of another version, or written by hand. */
function known(name: string | null): string {
  if (name === null || name === 'local') return 'local';
  try {
    return new Intl.DateTimeFormat('sv-SE', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return 'local';
  }
}

export const localZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const zoneName = (): string => (zone.value === 'local' ? localZone : zone.value);

const FIELDS = {
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
} as const;
const format = computed(() => new Intl.DateTimeFormat('sv-SE', { ...FIELDS, timeZone: zoneName() }));

/** `2026-03-01 09:31:10`, in the chosen zone. */
export const formatTime = (at: string | number): string => format.value.format(new Date(at));

/** How long ago, or in how long; the whole time with its zone for whoever points at it. */
export function Ago({ at, future = false }: { at: string | null | undefined; future?: boolean }) {
  if (at === null || at === undefined) return <span class="none">–</span>;
  const seconds = (clock.value - Date.parse(at)) / 1000;
  const age = formatAge(seconds);
  // The clocks of server and browser differ a little: what has just happened is not in the future.
  const isFuture = future || seconds < -2;
  const isNow = age === 'now' || (!isFuture && seconds < 0);
  const text = isNow ? (future ? 'now' : 'just now') : isFuture ? `in ${age}` : `${age} ago`;
  return (
    <time dateTime={at} title={`${formatTime(at)} ${zoneName()}`}>
      {text}
    </time>
  );
}

/** `zone`: written out. Elsewhere it is in the head of a column, or on top of the page; a narrow screen has neither, and it stands beside the time. */
export const At = ({ at, zone: named = false }: { at: string | null | undefined; zone?: boolean }) =>
  at === null || at === undefined ? (
    <span class="none">–</span>
  ) : (
    <time dateTime={at} title={zoneName()} class="at" data-zone={named ? undefined : zoneName()}>
      {formatTime(at)}
      {named ? ` ${zoneName()}` : ''}
    </time>
  );
