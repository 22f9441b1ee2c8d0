import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { ArchiveSettings } from './stores/open-store.ts';

/** Enough that two addresses are not taken for one, and few enough to compare by eye. */
const DIGITS = 16;

/**
 * A hash of where an archive is, the same for every way to write the same address, and without keys: by it the doctor sees whether two processes have the same one.
 * An address that leads nowhere is hashed as it is.
 */
export function archiveAddress({ url, endpoint, region = 'us-east-1' }: ArchiveSettings): string {
  return createHash('sha256')
    .update(normalised(url, endpoint, region))
    .digest('hex')
    .slice(0, DIGITS);
}

function normalised(url: string, endpoint: string | undefined, region: string): string {
  const parsed = URL.parse(url);
  if (parsed?.protocol === 'file:') return `file ${pathOf(parsed)}`;
  if (parsed?.protocol !== 's3:') return url;
  const service = URL.parse(endpoint ?? `https://s3.${region}.amazonaws.com`);
  return `s3 ${service?.origin ?? endpoint}${trimmed(service?.pathname ?? '')} ${parsed.hostname} ${trimmed(parsed.pathname)}`;
}

function pathOf(url: URL): string {
  try {
    return trimmed(fileURLToPath(url));
  } catch {
    return url.href;
  }
}

/** One slash where several are, and none at the end. */
const trimmed = (path: string): string => path.replaceAll(/\/+/g, '/').replace(/\/$/, '');
