import type { Segment } from './segments.ts';

/** Where a time lies on an axis of length 1. Long times in which nothing of the task ran or was to run are folded to a narrow strip. */
export interface TimeScale {
  readonly at: (time: number) => number;
  /** Folded times, for a mark on the axis. */
  readonly folds: readonly { readonly from: number; readonly until: number }[];
  readonly ticks: readonly number[];
}

/** A time without work is folded from this part of the whole on, to this part of it. */
const FOLD_FROM = 0.2;
const FOLDED = 0.07;

/** `marks`: at most this many beside the first. */
export function timeScaleOf(segments: ReadonlyMap<string, readonly Segment[]>, end: number, marks: number): TimeScale {
  const busy = [...segments.values()]
    .flat()
    // What is blocked waits for a person, perhaps for days: nothing of the task happens meanwhile.
    .filter(({ kind }) => kind !== 'held')
    .toSorted((one, other) => one.from - other.from);
  const folds: { from: number; until: number }[] = [];
  let until = 0;
  const idle = (from: number, to: number): void => {
    if (to - from > end * FOLD_FROM) folds.push({ from, until: to });
  };
  for (const segment of busy) {
    if (segment.from > until) idle(until, segment.from);
    until = Math.max(until, segment.until);
  }
  if (end > until) idle(until, end);
  const foldedTime = folds.reduce((sum, fold) => sum + fold.until - fold.from, 0);
  const worked = Math.max(1, end - foldedTime);
  const strip = folds.length === 0 ? 0 : Math.min(FOLDED, 0.5 / folds.length);
  const open = 1 - strip * folds.length;
  const at = (time: number): number => {
    let before = 0;
    let strips = 0;
    for (const fold of folds) {
      if (time <= fold.from) break;
      const inside = Math.min(time, fold.until) - fold.from;
      before += inside;
      strips += strip * (inside / (fold.until - fold.from));
    }
    return Math.min(1, Math.max(0, ((time - before) / worked) * open + strips));
  };
  const ticks = ticksOf(worked, marks)
    .map((tick) => withFolds(tick, folds))
    .filter((tick) => tick <= end);
  return { at, folds, ticks };
}

/** A time of the axis without its folds as a time of the task. */
function withFolds(tick: number, folds: TimeScale['folds']): number {
  let time = tick;
  for (const { from, until } of folds) if (time > from) time += until - from;
  return time;
}

const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000,
];

/** Round numbers for an axis with at most `count` marks beside the first. */
export function ticksOf(end: number, count: number): number[] {
  if (end <= 0) return [];
  const step = STEPS_MS.find((each) => end / each <= count) ?? Math.ceil(end / count / 86_400_000) * 86_400_000;
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step);
}

/** A text of the axis and where its middle is, as a part of the whole. */
export interface Label {
  readonly at: number;
  readonly text: string;
}

/** Of a letter, and between two labels, in pixels. */
const LETTER = 6.5;
const APART = 6;

/** Of these labels, those that have room on an axis of this many pixels: none lies over another, and `first` are there in any case. */
export function labelsThatFit<Given extends Label>(
  labels: readonly Given[],
  first: readonly Label[],
  pixels: number,
): Given[] {
  const taken = [...first];
  return labels.filter((label) => {
    const fits = taken.every(
      ({ at, text }) => Math.abs(at - label.at) * pixels >= ((text.length + label.text.length) * LETTER) / 2 + APART,
    );
    if (fits) taken.push(label);
    return fits;
  });
}
