/** Upper bounds in ascending order, each with the number of observations that were not above it. */
export type Buckets = readonly { bound: number; count: number }[];

/** The buckets of one histogram, summed over its labels, as a process serves them. */
export async function readHistogram(url: string, name: string): Promise<Buckets> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const counts = new Map<number, number>();
  for (const [, bound, count] of text.matchAll(
    new RegExp(`^${name}_bucket\\{(?:[^}]*,)?le="([^"]+)"[^}]*\\} (\\d+)`, 'gm'),
  )) {
    const key = bound === '+Inf' ? Infinity : Number(bound);
    counts.set(key, (counts.get(key) ?? 0) + Number(count));
  }
  return [...counts].sort(([a], [b]) => a - b).map(([bound, count]) => ({ bound, count }));
}

/** The quantile of what was observed between two readings, computed as Prometheus' histogram_quantile does: linear inside a bucket. */
export function quantileBetween(before: Buckets, after: Buckets, p: number): number {
  const earlier = new Map(before.map(({ bound, count }) => [bound, count]));
  const counts = after.map(({ bound, count }) => ({ bound, count: count - (earlier.get(bound) ?? 0) }));
  const total = counts.at(-1)?.count ?? 0;
  if (total === 0) return NaN;
  const rank = (p / 100) * total;
  let lower = { bound: 0, count: 0 };
  for (const bucket of counts) {
    if (bucket.count >= rank) {
      if (bucket.bound === Infinity) return lower.bound;
      return lower.bound + ((bucket.bound - lower.bound) * (rank - lower.count)) / (bucket.count - lower.count);
    }
    lower = bucket;
  }
  return NaN;
}
