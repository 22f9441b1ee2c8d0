import type { Config } from '../config/config.ts';
import type { ArchiveSettings } from './stores/open-store.ts';

/** Where a process with these settings has its archive; undefined: it has none. */
export function archiveSettingsOf(config: Config): ArchiveSettings | undefined {
  if (config.archiveUrl === undefined) return undefined;
  return {
    url: config.archiveUrl,
    endpoint: config.archiveEndpoint,
    region: config.archiveRegion,
    accessKeyId: config.archiveAccessKeyId,
    secretAccessKey: config.archiveSecretAccessKey,
    secretAccessKeyFile: config.archiveSecretFile,
  };
}
