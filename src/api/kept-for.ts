/** What is costly to read may take this share of the time, unless it is older than that. */
const SHARE = 1 / 50;
const MOST_MS = 15_000;

/** How long others get the same answer, by how long it took to read: 50 times as long, at most 15 s. In milliseconds. */
export const keptFor = (tookMs: number): number => Math.min(tookMs / SHARE, MOST_MS);
