import { editDistance } from '../edit-distance.ts';
import { ConfigError } from '../errors.ts';
import { cronSchemaOf } from './cron-schema.ts';
import { CATALOGUE } from './catalogue.ts';
import type { Config, Role, SettingName } from './config.ts';
import { url } from './readers.ts';

const entries = Object.entries(CATALOGUE) as [SettingName, (typeof CATALOGUE)[SettingName]][];

/**
 * Reads the settings of one role from the environment, with `overrides` (texts, from command line options) on top.
 * Throws one ConfigError that lists every problem: the setting, its value and what is wrong with it.
 */
export function loadConfig(
  role: Role,
  env: Readonly<Record<string, string | undefined>> = process.env,
  overrides: Partial<Record<SettingName, string | undefined>> = {},
): Config {
  const problems: string[] = [];
  const config: Record<string, unknown> = {};
  for (const [name, setting] of entries) {
    const given = overrides[name] ?? blankToUndefined(env[setting.env]);
    const text = given ?? setting.default;
    const applies = setting.roles === 'all' || setting.roles.includes(role);
    if (text === undefined) {
      config[name] = undefined;
      if (setting.required !== undefined && applies) problems.push(`${setting.env} is not set: ${setting.required}`);
      continue;
    }
    const read = setting.schema(text);
    if ('value' in read) {
      config[name] = read.value;
      continue;
    }
    const shown = setting.secret === true ? 'its value' : JSON.stringify(text);
    const wrong = read.problems.join(', ');
    // What is wrong with some of them says what it should be.
    const isSaid = setting.schema === url || setting.range.split(/[\s,]+/).every((word) => wrong.includes(word));
    problems.push(`${setting.env}: ${shown} ${wrong}${isSaid ? '' : ` (${setting.range})`}`);
  }
  problems.push(...unknownVariables(env), ...contradictions(config as Partial<Config>));
  if (problems.length > 0) {
    throw new ConfigError(
      `the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n  ${problems.join('\n  ')}`,
      {
        problems,
      },
    );
  }
  const loaded = config as unknown as Config;
  const direct = loaded.databaseUrlDirect ?? (loaded.pooled ? undefined : loaded.databaseUrl);
  const metricsPortIsDefault =
    (overrides.metricsPort ?? blankToUndefined(env[CATALOGUE.metricsPort.env])) === undefined;
  const cronSchema = loaded.cronSchema ?? cronSchemaOf(loaded.schema);
  return Object.freeze({ ...loaded, databaseUrlDirect: direct, cronSchema, metricsPortIsDefault });
}

/** Whether statements are prepared by name under this configuration. */
export function usesPreparedStatements(config: Pick<Config, 'preparedStatements' | 'pooled'>): boolean {
  return config.preparedStatements === 'auto' ? !config.pooled : config.preparedStatements === 'true';
}

/** Read before there is a configuration, by commands that have no database. */
const OF_THE_COMMAND_LINE = ['TASKER_API_URL', 'TASKER_API_KEY'];

/**
 * A variable that is almost the name of a setting is a misspelling, which would otherwise be ignored. One that only has the
 * same prefix may belong to something else: Kubernetes sets some for every service.
 */
function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known: string[] = [...entries.map(([, setting]) => setting.env), ...OF_THE_COMMAND_LINE];
  return Object.keys(env)
    .filter((name) => name.startsWith('TASKER_') && !known.includes(name))
    .flatMap((name) => {
      const nearest = known.toSorted((a, b) => editDistance(name, a) - editDistance(name, b))[0] as string;
      return editDistance(name, nearest) <= 3 ? [`${name} is not a setting: did you mean ${nearest}?`] : [];
    });
}

function contradictions(config: Partial<Config>): string[] {
  const problems: string[] = [];
  const { heartbeatIntervalMs, leaseSeconds, pollIntervalMs, maxPollIntervalMs } = config;
  if (
    heartbeatIntervalMs !== undefined &&
    leaseSeconds !== undefined &&
    heartbeatIntervalMs * 2 > leaseSeconds * 1000
  ) {
    problems.push(
      `TASKER_HEARTBEAT_INTERVAL_MS: ${heartbeatIntervalMs} is more than half of TASKER_LEASE_SECONDS (${leaseSeconds} s): one late heartbeat would end the lease`,
    );
  }
  if (pollIntervalMs !== undefined && maxPollIntervalMs !== undefined && pollIntervalMs > maxPollIntervalMs) {
    problems.push(
      `TASKER_POLL_INTERVAL_MS: ${pollIntervalMs} is above TASKER_MAX_POLL_INTERVAL_MS (${maxPollIntervalMs})`,
    );
  }
  problems.push(...apiContradictions(config));
  return problems;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

/** What nobody has to prove who they are for is reached from this machine alone. */
function apiContradictions(config: Partial<Config>): string[] {
  const { apiAuth, apiHost, apiProxySecret } = config;
  if (apiAuth === 'none' && apiHost !== undefined && !LOOPBACK.test(apiHost)) {
    return [
      `TASKER_API_HOST: ${JSON.stringify(apiHost)} can be reached from elsewhere, and TASKER_API_AUTH is none: set TASKER_API_AUTH=keys and make a key (tasker api-keys create --name ada --role admin), or listen on 127.0.0.1`,
    ];
  }
  if (apiAuth === 'proxy' && apiProxySecret === undefined) {
    return ['TASKER_API_PROXY_SECRET is not set, and TASKER_API_AUTH is proxy: give it and the proxy the same secret'];
  }
  return oidcContradictions(config);
}

const OIDC = {
  apiPublicUrl: 'where people reach this API',
  oidcIssuer: 'the address of the provider',
  oidcClientId: 'the name by which the provider knows this API',
  oidcRoles: 'who may do what, such as ops=operator',
} as const satisfies Partial<Record<SettingName, string>>;

const FOR_EVERY_TENANT = /^https:\/\/login\.microsoftonline\.com\/(common|organizations)\b/;

/** Half a configuration would let people in who should not be, or nobody, when somebody first signs in. */
function oidcContradictions(config: Partial<Config>): string[] {
  const { apiAuth } = config;
  if (apiAuth !== 'oidc') {
    return (
      ['oidcIssuer', 'oidcClientId', 'oidcClientSecret', 'oidcClientSecretFile', 'oidcRoles', 'oidcTenants'] as const
    )
      .filter((name) => config[name] !== undefined && apiAuth !== undefined)
      .map(
        (name) =>
          `${CATALOGUE[name].env} is set, and TASKER_API_AUTH is ${apiAuth}: set TASKER_API_AUTH=oidc, or leave it out`,
      );
  }
  const problems = (Object.keys(OIDC) as (keyof typeof OIDC)[])
    .filter((name) => config[name] === undefined)
    .map((name) => `${CATALOGUE[name].env} is not set, and TASKER_API_AUTH is oidc: give ${OIDC[name]}`);
  if (config.oidcClientSecret !== undefined && config.oidcClientSecretFile !== undefined)
    problems.push('TASKER_OIDC_CLIENT_SECRET_FILE and TASKER_OIDC_CLIENT_SECRET are both set: leave one of them out');
  if (config.oidcTenants === undefined && FOR_EVERY_TENANT.test(config.oidcIssuer ?? ''))
    problems.push(
      `TASKER_OIDC_ISSUER: ${JSON.stringify(config.oidcIssuer)} is for every tenant of Microsoft Entra, each of which gives its own people roles: name the one tenant in it, or list those that may sign in in TASKER_OIDC_TENANTS`,
    );
  return problems;
}

function blankToUndefined(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim();
}
