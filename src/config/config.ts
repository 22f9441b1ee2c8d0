import type { RoleRule } from './role-rules.ts';

/** Which settings a process reads. */
export type Role = 'worker' | 'scheduler' | 'client' | 'api';

/**
 * The settings of a process, read and checked. The catalogue, which has their variables, ranges and descriptions, must have exactly
 * these. Written out, so that a program that uses the types of this package need not install the library that checks the values.
 */
export interface Settings {
  readonly databaseUrl: string;
  readonly databaseUrlDirect: string | undefined;
  readonly databasePasswordFile: string | undefined;
  readonly pooled: boolean;
  readonly schema: string;
  readonly cronSchema: string | undefined;
  readonly preparedStatements: 'auto' | 'true' | 'false';
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly queryTimeoutMs: number;
  readonly workflows: string[];
  readonly queues: string[];
  readonly slots: number;
  readonly claimBatch: number;
  readonly fusedClaims: boolean;
  readonly pollIntervalMs: number;
  readonly maxPollIntervalMs: number;
  readonly hintedPollIntervalMs: number;
  readonly notify: boolean;
  readonly stepTimeoutSeconds: number;
  readonly abortGraceMs: number;
  readonly maxResultBytes: number;
  readonly maxBackoffRequestSeconds: number;
  readonly backoffCapSeconds: number;
  readonly retryBackoffDisabled: boolean;
  readonly resultCacheBytes: number;
  readonly leaseSeconds: number;
  readonly heartbeatIntervalMs: number;
  readonly maxStallMs: number;
  readonly drainGraceSeconds: number;
  readonly retrySweepMs: number;
  readonly priorityAgeingSeconds: number;
  readonly recoverySweepMs: number;
  readonly finalizeSweepMs: number;
  readonly silentSeconds: number;
  readonly statsIntervalMs: number;
  readonly scaleStartLatencyMs: number;
  readonly scaleStepMs: number;
  readonly scaleUtilizationPercent: number;
  readonly scaleWorkerStepsPerSecond: number;
  readonly scaleQuietSeconds: number;
  readonly scaleMaxWorkers: number;
  readonly reservedConnections: number;
  readonly poolerConnections: number;
  readonly pruneWorkersHours: number;
  readonly analyzeCron: string;
  readonly keep: string;
  readonly auditKeep: string;
  readonly auditKeepReads: string;
  readonly statsHoursKeptDays: number;
  readonly statsDaysKeptDays: number;
  readonly metricsHost: string;
  readonly metricsPort: number;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  readonly redact: string[];
  readonly hideInputValues: boolean;
  readonly requireReason: boolean;
  readonly trace: 'off' | 'link' | 'parent';
  readonly exemplars: boolean;
  readonly dashboardUrl: string | undefined;
  readonly traceUrl: string | undefined;
  readonly logUrl: string | undefined;
  readonly reportUrl: string | undefined;
  readonly reportMaxLagSeconds: number;
  readonly reportFallback: 'primary' | 'refuse';
  readonly apiHost: string;
  readonly apiPort: number;
  readonly apiAuth: 'none' | 'keys' | 'oidc' | 'proxy';
  readonly apiProxySecret: string | undefined;
  readonly apiPublicUrl: string | undefined;
  readonly oidcIssuer: string | undefined;
  readonly oidcTenants: string[] | undefined;
  readonly oidcClientId: string | undefined;
  readonly oidcClientSecret: string | undefined;
  readonly oidcClientSecretFile: string | undefined;
  readonly oidcScopes: string;
  readonly oidcRolesClaim: string;
  readonly oidcRoles: RoleRule[] | undefined;
  readonly oidcNameClaim: string;
  readonly oidcName: string;
  readonly oidcSessionMinutes: number;
  readonly apiReadOnly: boolean;
  readonly apiBasePath: string;
  readonly apiTrustedProxies: string[];
  readonly apiDatabaseUrl: string | undefined;
  readonly apiQueryTimeoutMs: number;
  readonly apiMaxBodyBytes: number;
  readonly apiMaxRequests: number;
  readonly apiRequestsPerSecond: number;
  readonly apiMaxStreams: number;
  readonly apiRecheckSeconds: number;
  readonly archiveUrl: string | undefined;
  readonly archiveEndpoint: string | undefined;
  readonly archiveRegion: string;
  readonly archiveAccessKeyId: string | undefined;
  readonly archiveSecretAccessKey: string | undefined;
  readonly archiveSecretFile: string | undefined;
  readonly archiveBatch: number;
  readonly archiveKeep: string;
}

/** A setting by its name in `Config`. */
export type SettingName = keyof Settings;

/** The settings of a process, checked. Their names, ranges and defaults: docs/reference/configuration.md, in capitals. */
export interface Config extends Omit<Settings, 'cronSchema'> {
  /** True if the metrics port is not set: if the default is taken, the next free one is used. */
  readonly metricsPortIsDefault?: boolean;
  /** Set, or derived from the schema. */
  readonly cronSchema: string;
}
