/** `: did you mean "retryLimit"?`, or an empty text where nothing known is close. For the end of an error message. */
export function didYouMean(given: string, known: Iterable<string>): string {
  const closest = closestTo(given, known);
  return closest === undefined ? '' : `: did you mean "${closest}"?`;
}

/** The known word closest to `given`, where it is close enough to be a slip of the hand. */
export function closestTo(given: string, known: Iterable<string>): string | undefined {
  // Longer words than any name can have: not worth the quadratic comparison.
  if (given.length > 200) return undefined;
  let best: { word: string; distance: number } | undefined;
  for (const word of known) {
    const limit = Math.min(
      best?.distance ?? Infinity,
      Math.max(2, Math.floor(Math.max(given.length, word.length) / 3)) + 1,
    );
    if (Math.abs(word.length - given.length) >= limit) continue;
    const distance = editDistance(plain(given), plain(word));
    // Three letters with two changed are another word, not a typo.
    if (distance < limit && distance < Math.max(given.length, 2)) best = { word, distance };
  }
  return best?.word ?? wordAround(given, known);
}

/** `timeout` for `timeoutSeconds`, `retryable` for `default_retryable`; one such word, not one of several. */
function wordAround(given: string, known: Iterable<string>): string | undefined {
  const part = plain(given);
  if (part.length < 4) return undefined;
  const around = [...known].filter((word) => plain(word).startsWith(part) || plain(word).endsWith(part));
  return around.length === 1 ? around[0] : undefined;
}

/** Case, hyphens and underscores are what people mix up most: retry_limit, retryLimit, retry-limit. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (previous[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (previous[column - 1] as number) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (beforePrevious[column - 2] as number) + 1);
      }
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] as number;
}
