import type { Queue } from './api/types.ts';

/** `1.2 s`, `4 min 10 s`, `3 h 5 min`, `2 d 4 h`: two units at most. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 0) return `-${formatSeconds(-seconds)}`;
  if (seconds < 0.0005) return '0 ms';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  return twoUnits(whole);
}

const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

function twoUnits(whole: number): string {
  const first = UNITS.findIndex(([length]) => whole >= length);
  const [length, unit] = UNITS[first] as (typeof UNITS)[number];
  const rest = UNITS[first + 1];
  const text = `${Math.floor(whole / length)} ${unit}`;
  if (rest === undefined) return text;
  const more = Math.floor((whole % length) / rest[0]);
  return more === 0 ? text : `${text} ${more} ${rest[1]}`;
}

/** Seconds of something that goes on: they are counted, not measured. */
export const formatSoFar = (seconds: number): string =>
  seconds < 60 ? `${Math.max(0, Math.floor(seconds))} s` : formatSeconds(Math.floor(seconds));

/** What the API says in a phrase, as a sentence. */
export const sentence = (text: string): string => {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?:]$/.test(whole) ? whole : `${whole}.`;
};

/** Of how long ago or until when, in one unit: `12 s`, `4 min`, `3 h`, `5 d`. */
export function formatAge(seconds: number): string {
  const whole = Math.abs(seconds);
  if (whole < 1) return 'now';
  if (whole < 60) return `${Math.floor(whole)} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 172_800) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86_400)} d`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

export const formatCount = (count: number): string => count.toLocaleString('en-US');

/** Ready steps, which the API counts one by one up to 10,000: `about 675,000`, `10,000 or more`. */
export const formatReady = ({ ready, ready_is: precision }: Pick<Queue, 'ready' | 'ready_is'>): string =>
  precision === 'exact'
    ? formatCount(ready)
    : precision === 'about'
      ? `about ${formatCount(ready)}`
      : `${formatCount(ready)} or more`;

export const plural = (count: number, noun: string, nouns = `${noun}s`): string =>
  `${formatCount(count)} ${count === 1 ? noun : nouns}`;
