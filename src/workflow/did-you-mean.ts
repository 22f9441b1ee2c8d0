import { editDistance } from '../edit-distance.ts';

/** `: did you mean "retryLimit"?`, or an empty text if no known word is close. For the end of an error message. */
export function didYouMean(given: string, known: Iterable<string>): string {
  const closest = closestTo(given, known);
  return closest === undefined ? '' : `: did you mean "${closest}"?`;
}

/** The known word closest to `given`, if it is close enough to be a typing mistake. */
export function closestTo(given: string, known: Iterable<string>): string | undefined {
  // Longer than any name can be: not worth the quadratic comparison.
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

/** Case, hyphens and underscores are confused most often: retry_limit, retryLimit, retry-limit. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, '');
}
