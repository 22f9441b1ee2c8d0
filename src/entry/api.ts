/** `tasker-fleet/api`: to run the HTTP API inside a program of one's own. */
export { type ApiPlugin, type ApiPrincipal, createApi, type CreateApiOptions } from '../api/create-api.ts';
export type { RoleName } from '../api/permissions.ts';
export { type ApiProcess, type ApiProcessOptions, startApi } from '../api/start-api.ts';
export type { Config } from '../config/config.ts';
export type { MetricsRegistry } from '../metrics/metrics-registry.ts';
export { loadConfig } from '../config/load-config.ts';
export { ConfigError, SchemaOutdatedError, TaskerError, UnsuitableDatabaseError } from '../errors.ts';
export {
  createLogger,
  type LogDestination,
  type Logger,
  type LoggerOptions,
  type LogMethod,
  type OwnLogger,
  type PinoOptions,
  type PinoTransport,
} from '../logger.ts';
export type { Drained } from '../process/service.ts';
