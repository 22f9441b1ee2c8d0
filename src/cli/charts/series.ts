/** One line of a chart: its values over time, in seconds. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [seconds: number, value: number])[];
}

export interface Panel {
  readonly title: string;
  readonly series: readonly Series[];
  /** A line to compare with: a target, a limit. */
  readonly mark?: { readonly name: string; readonly value: number };
}

/** At most `most` points: the highest of each group of neighbours, so that no peak is lost. */
export function thin(points: Series['points'], most: number): [number, number][] {
  const stretch = Math.max(1, Math.ceil(points.length / most));
  const kept: [number, number][] = [];
  for (let from = 0; from < points.length; from += stretch) {
    let highest = points[from] as readonly [number, number];
    for (const point of points.slice(from, from + stretch)) if (point[1] > highest[1]) highest = point;
    kept.push([highest[0], highest[1]]);
  }
  return kept;
}

/** Seconds as h:mm. */
export function clock(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`;
}
