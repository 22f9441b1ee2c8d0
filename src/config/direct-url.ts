import { ConfigError } from '../errors.ts';
import type { Config } from './config.ts';

/** Where to migrate. Throws ConfigError if only a pooler is known. */
export function directUrl({ databaseUrlDirect }: Pick<Config, 'databaseUrlDirect'>): string {
  if (databaseUrlDirect !== undefined) return databaseUrlDirect;
  throw new ConfigError(
    'DATABASE_URL_DIRECT is not set and DATABASE_URL is a pooler (TASKER_POOLED): migrations hold a session lock, which needs the server itself',
  );
}
