import { archiveSettingsOf } from '../archive/archive-settings.ts';
import type { Config } from '../config/config.ts';
import { usesPreparedStatements } from '../config/load-config.ts';
import { passwordOf } from '../db/connections/password.ts';
import { type Client, createClient } from './client.ts';
import type { ClientOptions } from './client-options.ts';

/** A client with the settings of a process. */
export function configuredClient(
  config: Config,
  options: Required<Pick<ClientOptions, 'poolSize' | 'applicationName'>>,
): Client {
  return createClient(clientOptions(config, options));
}

/** The options of a client with these settings. */
export function clientOptions(
  config: Config,
  options: Required<Pick<ClientOptions, 'poolSize' | 'applicationName'>>,
): ClientOptions {
  return {
    ...options,
    url: config.databaseUrl,
    schema: config.schema,
    cronSchema: config.cronSchema,
    preparedStatements: usesPreparedStatements(config),
    hideInputValues: config.hideInputValues,
    requireReason: config.requireReason,
    password: passwordOf(config),
    pooled: config.pooled,
    archive: archiveSettingsOf(config),
    trace: config.trace,
    dashboardUrl: config.dashboardUrl,
    report:
      config.reportUrl === undefined
        ? undefined
        : { url: config.reportUrl, maxLagSeconds: config.reportMaxLagSeconds, fallback: config.reportFallback },
  };
}
