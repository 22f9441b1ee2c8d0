import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../../errors.ts';
import { folderStore } from './folder-store.ts';
import type { ArchiveStore } from './store.ts';

/** Where the archive is: `file:///...` of a folder, or `s3://bucket/prefix` with the rest. */
export interface ArchiveSettings {
  url: string;
  /** `https://...` of an S3-compatible service, without the bucket. Default: Amazon's of the region. */
  endpoint?: string | undefined;
  /** Default `us-east-1`. */
  region?: string | undefined;
  accessKeyId?: string | undefined;
  secretAccessKey?: string | undefined;
  /** A file with the secret key, instead of `secretAccessKey`: read when the store is opened. */
  secretAccessKeyFile?: string | undefined;
}

/** Connects to nothing yet. Throws ConfigError for settings that lead nowhere. */
export async function openStore(settings: ArchiveSettings): Promise<ArchiveStore> {
  const url = URL.parse(settings.url);
  if (url?.protocol === 'file:') return folderStore(folderOf(url));
  if (url?.protocol !== 's3:' || url.hostname === '') throw wrongUrl(settings.url);
  const region = settings.region ?? 'us-east-1';
  requireKey(settings);
  const accessKeyId = settings.accessKeyId as string;
  const secretAccessKey = (await secretOf(settings)) as string;
  // Loaded where it is used: a fleet with a folder, or without an archive, does without.
  const { s3Store } = await import('./s3-store.ts');
  const prefix = decodeURIComponent(url.pathname).replaceAll(/^\/+|\/+$/g, '');
  return s3Store({
    bucket: url.hostname,
    prefix: prefix === '' ? '' : `${prefix}/`,
    endpoint: settings.endpoint ?? `https://s3.${region}.amazonaws.com`,
    region,
    accessKeyId,
    secretAccessKey,
  });
}

/** Throws ConfigError for a bucket without a key: nothing would ever be archived. Reads no file. */
export function requireKey({ url, accessKeyId, secretAccessKey, secretAccessKeyFile }: ArchiveSettings): void {
  if (!url.startsWith('s3:')) return;
  if (accessKeyId !== undefined && (secretAccessKey ?? secretAccessKeyFile) !== undefined) return;
  throw new ConfigError(
    'the archive in an S3-compatible store needs a key: set AWS_ACCESS_KEY_ID, and AWS_SECRET_ACCESS_KEY or TASKER_ARCHIVE_SECRET_FILE (archive.accessKeyId, archive.secretAccessKey)',
    { place: url },
  );
}

function folderOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw wrongUrl(url.href);
  }
}

async function secretOf({ secretAccessKey, secretAccessKeyFile }: ArchiveSettings): Promise<string | undefined> {
  if (secretAccessKeyFile === undefined) return secretAccessKey;
  try {
    return (await readFile(secretAccessKeyFile, 'utf8')).trim();
  } catch (error) {
    throw new ConfigError(
      `TASKER_ARCHIVE_SECRET_FILE (archive.secretAccessKeyFile) cannot be read: ${(error as Error).message}`,
      { file: secretAccessKeyFile },
      { cause: error },
    );
  }
}

function wrongUrl(url: string): ConfigError {
  return new ConfigError(
    `TASKER_ARCHIVE_URL (archive.url) is ${JSON.stringify(url)}: give a folder, such as file:///var/lib/tasker/archive, or a bucket, such as s3://bucket/prefix`,
    { url },
  );
}
