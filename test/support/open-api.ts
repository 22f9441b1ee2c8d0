import { type ApiProcess, startApi } from '../../src/api/start-api.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { createLogger } from '../../src/logger.ts';
import { type SettingsInCode, settingTexts } from '../../src/process/settings-in-code.ts';

/** An API in this process, on ports of its own. Two of them share nothing, as two processes would. */
export function openApi(url: string, settings: SettingsInCode = {}): Promise<ApiProcess> {
  const config = loadConfig(
    'api',
    {},
    {
      apiPort: '0',
      metricsPort: '0',
      apiAuth: 'keys',
      apiRequestsPerSecond: '0',
      logLevel: 'silent',
      ...settingTexts(settings),
      databaseUrl: url,
    },
  );
  const log = createLogger({ level: config.logLevel, role: 'api', redact: config.redact });
  return startApi({ config, log });
}
