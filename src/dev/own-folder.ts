import { fileURLToPath } from 'node:url';

/** The folder of this package's code, as source or as it is published; undefined in a bundle without a place of its own. */
export function ownFolder(): string | undefined {
  const { url } = import.meta as { url?: string };
  if (url === undefined) return undefined;
  return fileURLToPath(new URL(url.endsWith('.ts') ? '..' : '.', url));
}
