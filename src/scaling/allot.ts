/**
 * Divides a limit among queues that together want more: each queue that wants any gets one, in order of demand, and the rest
 * is divided in proportion, the largest remainder first. The sum never exceeds the limit, and no share exceeds what its queue
 * wants.
 */
export function allot(wanted: readonly number[], limit: number): number[] {
  const total = wanted.reduce((sum, replicas) => sum + replicas, 0);
  if (total <= limit) return [...wanted];
  const order = wanted.map((_, index) => index).toSorted((a, b) => (wanted[b] ?? 0) - (wanted[a] ?? 0) || a - b);
  const shares = wanted.map(() => 0);
  let left = Math.max(0, Math.floor(limit));
  for (const index of order) {
    if (left === 0 || (wanted[index] ?? 0) === 0) continue;
    shares[index] = 1;
    left -= 1;
  }
  const rest = wanted.map((replicas, index) => replicas - (shares[index] ?? 0));
  const restTotal = rest.reduce((sum, replicas) => sum + replicas, 0);
  if (left === 0 || restTotal === 0) return shares;
  const exact = rest.map((replicas) => (replicas * left) / restTotal);
  for (const [index, share] of exact.entries()) shares[index] = (shares[index] ?? 0) + Math.floor(share);
  left -= exact.reduce((sum, share) => sum + Math.floor(share), 0);
  const byRemainder = exact
    .map((share, index) => ({ index, remainder: share - Math.floor(share) }))
    .toSorted((a, b) => b.remainder - a.remainder || a.index - b.index);
  for (const { index } of byRemainder.slice(0, left)) shares[index] = (shares[index] ?? 0) + 1;
  return shares;
}
