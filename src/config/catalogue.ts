import { DEFAULT_BACKOFF_CAP_SECONDS, MAX_REQUESTED_BACKOFF_SECONDS } from '../retry-policy.ts';
import type { Role, SettingName, Settings } from './config.ts';
import { keepSeconds, readKeepSetting } from '../keep-policy.ts';
import { isBasePath, networksOf } from './proxies.ts';
import { readRoleRules } from './role-rules.ts';
import { boolean, integer, list, matching, oneOf, type Reader, text, url } from './readers.ts';

interface Setting<Value = unknown> {
  /** Environment variable. */
  readonly env: string;
  readonly schema: Reader<Exclude<Value, undefined>>;
  /** As text, as it is written in the environment; undefined: none. */
  readonly default: string | undefined;
  /** If there is no default and the roles cannot do without it: what to do. */
  readonly required?: string;
  readonly unit?: string;
  readonly range: string;
  readonly roles: readonly Role[] | 'all';
  readonly secret?: boolean;
  readonly description: string;
}

const setting = <Value>(definition: Setting<Value>): Setting<Value> => definition;

/** A link for pages, in which the id of something takes the place of its name in braces. */
const linkTemplate =
  (needed: readonly string[]): Reader<string> =>
  (given) => {
    if (!/^https?:\/\/[^/]/.test(given)) return { problems: ['is neither an http:// nor an https:// URL'] };
    const unknown = given.match(/\{[^}]*\}/g)?.filter((name) => !LINK_NAMES.includes(name)) ?? [];
    const problems = [
      ...(needed.some((name) => given.includes(name)) ? [] : [`has no ${needed.join(' and no ')}`]),
      ...(unknown.length === 0 ? [] : [`has ${unknown.join(', ')}, and can have ${LINK_NAMES.join(', ')}`]),
    ];
    return problems.length > 0 ? { problems } : { value: given };
  };
const LINK_NAMES = ['{trace_id}', '{task_id}', '{step}', '{attempt}'];
const pageUrl: Reader<string> = (given) =>
  /^https?:\/\/[^/?#]+[^?#]*$/.test(given)
    ? { value: given }
    : { problems: ['is no http:// or https:// URL without a query'] };
const basePath: Reader<string> = (given) =>
  isBasePath(given) ? { value: given } : { problems: ['is not a path such as /ops/tasker'] };
const proxies: Reader<string[]> = (given) => {
  const read = list(given);
  if ('problems' in read || networksOf(read.value) !== undefined) return read;
  const wrong = read.value.filter((each) => networksOf([each]) === undefined).map((each) => JSON.stringify(each));
  return { problems: [`has ${wrong.join(', ')}, and can have addresses and networks, such as 10.0.0.0/8`] };
};
/** Of this machine alone without TLS: tokens and cookies go this way. */
const webAddress: Reader<string> = (given) => {
  if (!URL.canParse(given) || /[?#]/.test(given)) return { problems: ['is not a URL without ? and #'] };
  const { protocol, hostname, username } = new URL(given);
  const isLocal = protocol === 'http:' && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
  if (username !== '') return { problems: ['has a user in it'] };
  return protocol === 'https:' || isLocal ? { value: given } : { problems: ['is not https'] };
};
const tenants: Reader<string[]> = (given) => {
  const read = list(given.toLowerCase());
  if ('problems' in read) return read;
  // As the claim `tid` has them: the name of a domain is never in it.
  const wrong = read.value.filter((each) => !/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(each));
  if (wrong.length > 0)
    return { problems: [`has ${JSON.stringify(wrong[0])}, which is no tenant id: 32 hexadecimal digits with hyphens`] };
  return read.value.length === 0 ? { problems: ['names no tenant'] } : read;
};
const identifier = matching(/^[a-z_][a-z0-9_]{0,47}$/, 'is not a plain lower-case identifier of at most 48 characters');
const path = text();
/** The scheduler checks the rest at its start: a parser here would be loaded by every process. */
const cron = matching(/^(\S+( \S+){4}|@[a-z]+)$/, 'is not a cron expression of five fields');
const queues: Reader<string[]> = (given) => {
  const read = list(given);
  if ('problems' in read) return read;
  if (read.value.length === 0) return { problems: ['names no queue'] };
  const long = read.value.find((name) => name.length > 128);
  return long === undefined
    ? read
    : { problems: [`names a queue with more than 128 characters, ${long.slice(0, 20)}...`] };
};
const keep: Reader<string> = (given) => {
  const { problems } = readKeepSetting(given);
  return problems.length > 0 ? { problems } : { value: given };
};
const keepTime: Reader<string> = (given) =>
  keepSeconds(given) === undefined
    ? { problems: ['is neither forever nor a number with s, m, h, d, w or y'] }
    : { value: given };

/** What is removed from the audit is gone for good, and an hour is a slip. */
const SHORTEST_AUDIT_SECONDS = 86_400;
const auditKeepTime: Reader<string> = (given) => {
  const seconds = keepSeconds(given);
  return typeof seconds === 'number' && seconds < SHORTEST_AUDIT_SECONDS
    ? { problems: ['is less than 1d'] }
    : keepTime(given);
};

const number = (
  env: string,
  fallback: number,
  min: number,
  max: number,
  rest: Omit<Setting, 'env' | 'schema' | 'default' | 'range'>,
) => setting({ env, schema: integer(min, max), default: String(fallback), range: `${min} to ${max}`, ...rest });

const WORKER: readonly Role[] = ['worker'];
const SCHEDULER: readonly Role[] = ['scheduler'];
const FLEET: readonly Role[] = ['worker', 'scheduler'];
const API: readonly Role[] = ['api'];
const PROCESSES: readonly Role[] = ['worker', 'scheduler', 'api'];
const ARCHIVE: readonly Role[] = ['scheduler', 'client', 'api'];
const REPORTS = ARCHIVE;
const LINKS: readonly Role[] = ['client', 'api'];

/** Every setting, once: the environment is checked against it, and the configuration reference is generated from it. */
export const CATALOGUE = {
  databaseUrl: setting({
    env: 'DATABASE_URL',
    schema: url,
    default: undefined,
    required:
      'name your PostgreSQL (13 or newer), as in DATABASE_URL=postgres://user:password@localhost:5432/database; for development, tasker dev brings one',
    range: 'postgres:// URL',
    roles: 'all',
    secret: true,
    description:
      'The PostgreSQL server (13 or newer), directly or through a pooler. operations/sessions.md lists the parameters that it may have.',
  }),
  databaseUrlDirect: setting({
    env: 'DATABASE_URL_DIRECT',
    schema: url,
    default: undefined,
    range: 'postgres:// URL',
    roles: 'all',
    secret: true,
    description:
      'The server itself if DATABASE_URL is a transaction pooler: for LISTEN, session locks, cron and migrations. Without TASKER_POOLED it defaults to DATABASE_URL.',
  }),
  databasePasswordFile: setting({
    env: 'TASKER_DATABASE_PASSWORD_FILE',
    schema: path,
    default: undefined,
    range: 'path',
    roles: 'all',
    description:
      'A file with the password of both URLs, read at each new connection: a password that changes needs no restart. It replaces one in a URL.',
  }),
  pooled: setting({
    env: 'TASKER_POOLED',
    schema: boolean,
    default: 'false',
    range: 'true, false',
    roles: 'all',
    description:
      'DATABASE_URL goes through a pooler in transaction mode: no LISTEN, no session locks and no prepared statements there.',
  }),
  schema: setting({
    env: 'TASKER_SCHEMA',
    schema: identifier,
    default: 'tasker',
    range: 'identifier',
    roles: 'all',
    description: 'The schema that holds the tables.',
  }),
  cronSchema: setting({
    env: 'TASKER_CRON_SCHEMA',
    schema: identifier,
    default: undefined,
    range: 'identifier',
    roles: 'all',
    description:
      "The schema of pg-boss, which runs cron, with this fleet's list of schedules; by default TASKER_SCHEMA with `_cron` behind it. Another fleet's is refused.",
  }),
  preparedStatements: setting({
    env: 'TASKER_PREPARED_STATEMENTS',
    schema: oneOf(['auto', 'true', 'false'], 'is not one of auto, true, false'),
    default: 'auto',
    range: 'auto, true, false',
    roles: 'all',
    description: 'Prepare statements by name. `auto`: unless TASKER_POOLED. PgBouncer can have them from 1.21 on.',
  }),
  poolSize: number('TASKER_POOL_SIZE', 6, 1, 200, {
    roles: 'all',
    unit: 'connections',
    description: 'Connections in the pool of a process. Add one for the heartbeat and one for LISTEN.',
  }),
  connectTimeoutMs: number('TASKER_CONNECT_TIMEOUT_MS', 10_000, 100, 300_000, {
    roles: 'all',
    unit: 'ms',
    description: 'How long to wait for a connection.',
  }),
  queryTimeoutMs: number('TASKER_QUERY_TIMEOUT_MS', 60_000, 1000, 3_600_000, {
    roles: 'all',
    unit: 'ms',
    description: 'How long to wait for the result of one statement before its connection is given up.',
  }),
  workflows: setting({
    env: 'TASKER_WORKFLOWS',
    schema: list,
    default: '',
    range: 'comma-separated paths',
    roles: WORKER,
    description: 'Modules that export workflow definitions, or folders of them.',
  }),
  queues: setting({
    env: 'TASKER_QUEUES',
    schema: queues,
    default: 'default',
    range: 'comma-separated names',
    roles: WORKER,
    description: 'The queues a worker serves. They take turns.',
  }),
  slots: number('TASKER_SLOTS', 50, 1, 10_000, {
    roles: FLEET,
    unit: 'handlers',
    description:
      'How many handlers may run at once in one worker. A scheduler assumes this for a worker until it has seen one.',
  }),
  claimBatch: number('TASKER_CLAIM_BATCH', 256, 1, 1024, {
    roles: WORKER,
    unit: 'steps',
    description: 'The most steps that one claim takes.',
  }),
  fusedClaims: setting({
    env: 'TASKER_FUSED_CLAIMS',
    schema: boolean,
    default: 'true',
    range: 'true, false',
    roles: WORKER,
    description: 'Claim the children of a completed step in the same round trip.',
  }),
  pollIntervalMs: number('TASKER_POLL_INTERVAL_MS', 50, 5, 60_000, {
    roles: WORKER,
    unit: 'ms',
    description:
      'The shortest pause between two polls of an empty queue; it doubles up to TASKER_MAX_POLL_INTERVAL_MS.',
  }),
  maxPollIntervalMs: number('TASKER_MAX_POLL_INTERVAL_MS', 1000, 5, 600_000, {
    roles: WORKER,
    unit: 'ms',
    description: 'The longest pause between two polls of an empty queue while no notifications arrive (TASKER_NOTIFY).',
  }),
  hintedPollIntervalMs: number('TASKER_HINTED_POLL_INTERVAL_MS', 3000, 5, 600_000, {
    roles: WORKER,
    unit: 'ms',
    description:
      'The longest pause while the connection for notifications is up: it finds work whose notification was lost. TASKER_MAX_POLL_INTERVAL_MS if that is longer.',
  }),
  notify: setting({
    env: 'TASKER_NOTIFY',
    schema: boolean,
    default: 'true',
    range: 'true, false',
    roles: WORKER,
    description: 'Listen for notifications that there is work. Without them polling finds it later.',
  }),
  stepTimeoutSeconds: number('TASKER_STEP_TIMEOUT_SECONDS', 300, 1, 2_592_000, {
    roles: WORKER,
    unit: 's',
    description: 'Time limit of an attempt whose step declares none.',
  }),
  abortGraceMs: number('TASKER_ABORT_GRACE_MS', 5000, 0, 600_000, {
    roles: WORKER,
    unit: 'ms',
    description: 'How long a handler may go on after its signal fired before it is given up on.',
  }),
  maxResultBytes: number('TASKER_MAX_RESULT_BYTES', 1_048_576, 1024, 268_435_456, {
    roles: WORKER,
    unit: 'bytes',
    description: 'The largest result of a step. A larger one fails the step for good.',
  }),
  maxBackoffRequestSeconds: number('TASKER_MAX_BACKOFF_REQUEST_SECONDS', MAX_REQUESTED_BACKOFF_SECONDS, 1, 2_592_000, {
    roles: WORKER,
    unit: 's',
    description: 'Cap of a backoff that a handler requests (RetryableError retryAfter).',
  }),
  backoffCapSeconds: number('TASKER_BACKOFF_CAP_SECONDS', DEFAULT_BACKOFF_CAP_SECONDS, 1, 86_400, {
    roles: WORKER,
    unit: 's',
    description: 'Cap of the computed backoff of steps that declare none.',
  }),
  retryBackoffDisabled: setting({
    env: 'TASKER_RETRY_BACKOFF_DISABLED',
    schema: boolean,
    default: 'false',
    range: 'true, false',
    roles: WORKER,
    description: 'Retry at once, also if the handler requested a wait. For tests.',
  }),
  resultCacheBytes: number('TASKER_RESULT_CACHE_BYTES', 4_194_304, 0, 4_294_967_296, {
    roles: WORKER,
    unit: 'bytes',
    description: 'Results kept in memory for children that run in the same worker.',
  }),
  leaseSeconds: number('TASKER_LEASE_SECONDS', 10, 1, 3600, {
    roles: FLEET,
    unit: 's',
    description: 'How long a process counts as alive after its last heartbeat.',
  }),
  heartbeatIntervalMs: number('TASKER_HEARTBEAT_INTERVAL_MS', 1000, 50, 600_000, {
    roles: FLEET,
    unit: 'ms',
    description: 'How often a process renews its lease.',
  }),
  maxStallMs: number('TASKER_MAX_STALL_MS', 5000, 100, 600_000, {
    roles: FLEET,
    unit: 'ms',
    description:
      'How long the event loop may stand still, outside the time limit of a running step, before the lease is no longer renewed and a worker is killed.',
  }),
  drainGraceSeconds: number('TASKER_DRAIN_GRACE_SECONDS', 25, 0, 86_400, {
    roles: FLEET,
    unit: 's',
    description:
      'How long a shutdown waits for running handlers before it aborts them and gives their steps back. A scheduler waits as long for the chores that run.',
  }),
  retrySweepMs: number('TASKER_RETRY_SWEEP_MS', 500, 10, 600_000, {
    roles: SCHEDULER,
    unit: 'ms',
    description:
      'How often due retries are looked for and put back in their queue. A sweep of TASKER_RECOVERY_SWEEP_MS finds them as well, and counts as one of these.',
  }),
  priorityAgeingSeconds: number('TASKER_PRIORITY_AGEING_SECONDS', 0, 0, 31_536_000, {
    roles: SCHEDULER,
    unit: 's',
    description:
      'A ready step that has waited this long becomes as urgent as the most urgent ready step of its queue, so that steps of low priority are not passed for ever. 0: priorities are strict.',
  }),
  recoverySweepMs: number('TASKER_RECOVERY_SWEEP_MS', 500, 10, 600_000, {
    roles: SCHEDULER,
    unit: 'ms',
    description: 'How often dead processes, their steps and due retries are looked for.',
  }),
  finalizeSweepMs: number('TASKER_FINALIZE_SWEEP_MS', 5000, 10, 3_600_000, {
    roles: SCHEDULER,
    unit: 'ms',
    description: 'How often tasks are looked for that a dead process left unfinalized.',
  }),
  silentSeconds: number('TASKER_SILENT_SECONDS', 3, 1, 3600, {
    roles: SCHEDULER,
    unit: 's',
    description:
      'How long a process whose connection is gone must have been silent before its steps are taken from it.',
  }),
  statsIntervalMs: number('TASKER_STATS_INTERVAL_MS', 5000, 500, 600_000, {
    roles: SCHEDULER,
    unit: 'ms',
    description: 'How often queue depth and database health are measured.',
  }),
  scaleStartLatencyMs: number('TASKER_SCALE_START_LATENCY_MS', 10_000, 100, 86_400_000, {
    roles: SCHEDULER,
    unit: 'ms',
    description: 'The scaling signal is the number of workers that it takes to start ready steps within this time.',
  }),
  scaleStepMs: number('TASKER_SCALE_STEP_MS', 1000, 1, 86_400_000, {
    roles: SCHEDULER,
    unit: 'ms',
    description: 'Mean time of a step that the scaling signal assumes for a queue until attempts have completed there.',
  }),
  scaleUtilizationPercent: number('TASKER_SCALE_UTILIZATION_PERCENT', 80, 10, 100, {
    roles: SCHEDULER,
    unit: '%',
    description: 'Share of the slots that steady work may fill before the scaling signal grows by another worker.',
  }),
  scaleWorkerStepsPerSecond: number('TASKER_SCALE_WORKER_STEPS_PER_SECOND', 500, 1, 100_000, {
    roles: SCHEDULER,
    unit: 'steps/s',
    description: 'Steps per second that one worker can run at most, even if they are very short.',
  }),
  scaleQuietSeconds: number('TASKER_SCALE_QUIET_SECONDS', 60, 1, 86_400, {
    roles: SCHEDULER,
    unit: 's',
    description:
      'If no step has become ready in a queue for this time, it needs workers only for the steps that wait or run there.',
  }),
  scaleMaxWorkers: number('TASKER_SCALE_MAX_WORKERS', 0, 0, 100_000, {
    roles: SCHEDULER,
    unit: 'workers',
    description: 'The largest scaling signal, all queues together; 0: what the connection budget allows.',
  }),
  reservedConnections: number('TASKER_RESERVED_CONNECTIONS', 10, 0, 100_000, {
    roles: 'all',
    unit: 'connections',
    description:
      'Connections of the server that the connection budget keeps for people, backups and other applications.',
  }),
  poolerConnections: number('TASKER_POOLER_CONNECTIONS', 40, 1, 100_000, {
    roles: 'all',
    unit: 'connections',
    description:
      'Connections to the server that the pooler opens at most (PgBouncer: default_pool_size + reserve_pool_size per database and user), for the connection budget. Read with TASKER_POOLED only.',
  }),
  pruneWorkersHours: number('TASKER_PRUNE_WORKERS_HOURS', 24, 1, 8760, {
    roles: SCHEDULER,
    unit: 'h',
    description: 'How long processes that stopped stay listed.',
  }),
  analyzeCron: setting({
    env: 'TASKER_ANALYZE_CRON',
    schema: cron,
    default: '*/10 * * * *',
    range: 'cron expression',
    roles: SCHEDULER,
    description: 'When the hot tables are analyzed (in UTC).',
  }),
  keep: setting({
    env: 'TASKER_KEEP',
    schema: keep,
    default: '',
    range: 'comma-separated, such as complete=30d,cancelled=7d,shop/orders:complete=1y',
    roles: SCHEDULER,
    description:
      'How long tasks are kept after their end, by state: `complete`, `resolved_manually` (as `complete` if it is not named), `cancelled`, `error`; `forever`, or a number with s, m, h, d, w or y. With a workflow before it, it replaces what the definition of that workflow says; without one, it holds for workflows whose definition says nothing. What nothing names is kept for ever. That of the scheduler that started last counts.',
  }),
  auditKeep: setting({
    env: 'TASKER_AUDIT_KEEP',
    schema: auditKeepTime,
    default: 'forever',
    range: 'forever, 7y, 400d, ...',
    roles: SCHEDULER,
    description:
      'How long acts stay in the audit. Older ones are removed from the start of its chain. Export them before: what is removed is gone.',
  }),
  auditKeepReads: setting({
    env: 'TASKER_AUDIT_KEEP_READS',
    schema: auditKeepTime,
    default: 'forever',
    range: 'forever, 1y, 90d, ...',
    roles: SCHEDULER,
    description:
      'How long it stays in the audit that somebody has read an input or a result (`payload.read`), of which there are many; at most as long as TASKER_AUDIT_KEEP.',
  }),
  statsHoursKeptDays: number('TASKER_STATS_HOURS_KEPT_DAYS', 100, 8, 36_500, {
    roles: SCHEDULER,
    unit: 'days',
    description: 'For how long the run statistics of each hour are kept. Their days are kept for longer.',
  }),
  statsDaysKeptDays: number('TASKER_STATS_DAYS_KEPT_DAYS', 1100, 31, 36_500, {
    roles: SCHEDULER,
    unit: 'days',
    description: 'For how long the run statistics of each day, and of each week, are kept.',
  }),
  metricsHost: setting({
    env: 'TASKER_METRICS_HOST',
    schema: text(),
    default: '127.0.0.1',
    range: 'address',
    roles: PROCESSES,
    description: 'Where /metrics, /livez and /readyz are served; 0.0.0.0 in a container.',
  }),
  metricsPort: number('TASKER_METRICS_PORT', 9464, 0, 65_535, {
    roles: PROCESSES,
    description:
      'Port of /metrics, /livez and /readyz; 0: any free one. If it is not set and 9464 is taken, the next free one.',
  }),
  logLevel: setting({
    env: 'TASKER_LOG_LEVEL',
    schema: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'is no log level'),
    default: 'info',
    range: 'trace, debug, info, warn, error, fatal, silent',
    roles: 'all',
    description: 'The least important lines that are logged.',
  }),
  redact: setting({
    env: 'TASKER_REDACT',
    schema: list,
    default: '',
    range: 'comma-separated paths',
    roles: 'all',
    description:
      'Paths to hide in inputs, results and log lines, such as `card.number, lines[*].price`; in log lines values under names of secrets are hidden at any depth, too. The HTTP API refuses searches for what is hidden.',
  }),
  hideInputValues: setting({
    env: 'TASKER_HIDE_INPUT_VALUES',
    schema: boolean,
    default: 'false',
    range: 'true, false',
    roles: 'all',
    description:
      'Show no value of an input that its schema refuses; by default those are hidden whose name or schema says that they are secret.',
  }),
  requireReason: setting({
    env: 'TASKER_REQUIRE_REASON',
    schema: boolean,
    default: 'false',
    range: 'true, false',
    roles: LINKS,
    description:
      'Refuse acts that do not say why: of commands, of the HTTP API (so of the dashboard and of assistants too), and of clients with these settings. A dry run needs no reason.',
  }),
  trace: setting({
    env: 'TASKER_TRACE',
    schema: oneOf(['off', 'link', 'parent'], 'is not one of off, link, parent'),
    default: 'link',
    range: 'off, link, parent',
    roles: 'all',
    description:
      'The traces of tasks, in a process that has registered an OpenTelemetry SDK. `link`: each task is a trace of its own, linked to its submit. `parent`: a task goes on with the trace of its submit. `off`: none.',
  }),
  exemplars: setting({
    env: 'TASKER_EXEMPLARS',
    schema: boolean,
    default: 'false',
    range: 'true, false',
    roles: PROCESSES,
    description:
      'Serve /metrics in the form of OpenMetrics to scrapers that take it, with the trace of a recent value in each bucket of tasker_ready_to_start_seconds and tasker_step_duration_seconds.',
  }),
  traceUrl: setting({
    env: 'TASKER_TRACE_URL',
    schema: linkTemplate(['{trace_id}']),
    default: undefined,
    range: 'URL with {trace_id}',
    roles: LINKS,
    description: 'The page of a trace in your tracing tool: `https://traces.example/trace/{trace_id}`.',
  }),
  logUrl: setting({
    env: 'TASKER_LOG_URL',
    schema: linkTemplate(['{task_id}', '{trace_id}']),
    default: undefined,
    range: 'URL with {task_id} or {trace_id}',
    roles: LINKS,
    description: 'The page of the lines of a task in your log tool; it may also have {step} and {attempt}.',
  }),
  dashboardUrl: setting({
    env: 'TASKER_DASHBOARD_URL',
    schema: pageUrl,
    default: undefined,
    range: 'URL',
    roles: 'all',
    description:
      'Where people find the dashboard: `https://tasker.example/ui/`. The span with which a task begins then has the page of the task as `tasker.url`.',
  }),
  reportUrl: setting({
    env: 'TASKER_REPORT_URL',
    schema: url,
    default: undefined,
    range: 'postgres:// URL',
    roles: REPORTS,
    secret: true,
    description:
      'A streaming replica of the server, for lists of tasks, tasker workflows, tasker stats and tasker doctor, and for schedulers, which read there what they archive.',
  }),
  reportMaxLagSeconds: number('TASKER_REPORT_MAX_LAG_SECONDS', 60, 1, 86_400, {
    roles: REPORTS,
    unit: 's',
    description: 'How far that replica may be behind.',
  }),
  reportFallback: setting({
    env: 'TASKER_REPORT_FALLBACK',
    schema: oneOf(['primary', 'refuse'], 'is neither primary nor refuse'),
    default: 'primary',
    range: 'primary, refuse',
    roles: REPORTS,
    description:
      'What becomes of a report while the replica is further behind or away: it is read from the primary, or refused.',
  }),
  apiHost: setting({
    env: 'TASKER_API_HOST',
    schema: text(),
    default: '127.0.0.1',
    range: 'address',
    roles: API,
    description:
      'Where `tasker api` listens; 0.0.0.0 in a container. Another address than one of this machine alone needs TASKER_API_AUTH.',
  }),
  apiPort: number('TASKER_API_PORT', 8280, 0, 65_535, {
    roles: API,
    description: 'Port of `tasker api`; 0: any free one.',
  }),
  apiAuth: setting({
    env: 'TASKER_API_AUTH',
    schema: oneOf(['none', 'keys', 'oidc', 'proxy'], 'is not one of none, keys, oidc, proxy'),
    default: 'none',
    range: 'none, keys, oidc, proxy',
    roles: API,
    description:
      '`keys`: by `tasker api-keys`. `oidc`: as `keys`, and people sign in to the dashboard with an OpenID provider. `proxy`: a proxy that knows TASKER_API_PROXY_SECRET says who asks. `none`: whoever reaches it may do everything, so it listens on the loopback address alone.',
  }),
  apiProxySecret: setting({
    env: 'TASKER_API_PROXY_SECRET',
    schema: text({ min: 32, otherwise: 'has fewer than 32 characters' }),
    default: undefined,
    range: '32 characters or more',
    roles: API,
    secret: true,
    description: 'What the proxy sends as `Tasker-Proxy-Secret` with each request, with TASKER_API_AUTH=proxy.',
  }),
  apiPublicUrl: setting({
    env: 'TASKER_API_PUBLIC_URL',
    schema: webAddress,
    default: undefined,
    range: 'https:// URL',
    roles: API,
    description:
      'Where people reach the API, such as `https://tasker.example/ops/`, with TASKER_API_AUTH=oidc. The provider sends them back to `ui/login/callback` below it, and has to know that address.',
  }),
  oidcIssuer: setting({
    env: 'TASKER_OIDC_ISSUER',
    schema: webAddress,
    default: undefined,
    range: 'https:// URL',
    roles: API,
    description: 'The OpenID provider, as it names itself: `/.well-known/openid-configuration` is below it.',
  }),
  oidcTenants: setting({
    env: 'TASKER_OIDC_TENANTS',
    schema: tenants,
    default: undefined,
    range: 'ids of tenants',
    roles: API,
    description:
      'Whose people may sign in, with commas, if TASKER_OIDC_ISSUER is that of Microsoft Entra for many tenants (`organizations`, `common`): without it, that issuer is refused.',
  }),
  oidcClientId: setting({
    env: 'TASKER_OIDC_CLIENT_ID',
    schema: text(),
    default: undefined,
    range: 'text',
    roles: API,
    description: 'By which name the provider knows this API.',
  }),
  oidcClientSecret: setting({
    env: 'TASKER_OIDC_CLIENT_SECRET',
    schema: text(),
    default: undefined,
    range: 'text',
    roles: API,
    secret: true,
    description: 'The secret of that client; none for a public one.',
  }),
  oidcClientSecretFile: setting({
    env: 'TASKER_OIDC_CLIENT_SECRET_FILE',
    schema: path,
    default: undefined,
    range: 'path',
    roles: API,
    description: 'A file with that secret, instead of TASKER_OIDC_CLIENT_SECRET. It is read anew each hour.',
  }),
  oidcScopes: setting({
    env: 'TASKER_OIDC_SCOPES',
    schema: matching(/^(.* )?openid( .*)?$/, 'has no openid'),
    default: 'openid profile email',
    range: 'words with spaces',
    roles: API,
    description: 'What the provider is asked to say of people.',
  }),
  oidcRolesClaim: setting({
    env: 'TASKER_OIDC_ROLES_CLAIM',
    schema: text(),
    default: 'roles',
    range: 'name, or a path with dots',
    roles: API,
    description:
      'The claim with the roles or groups of a person, such as `groups` or `realm_access.roles`: a text or a list of texts, of the ID token or of the address for user information.',
  }),
  oidcRoles: setting({
    env: 'TASKER_OIDC_ROLES',
    schema: readRoleRules,
    default: undefined,
    range: 'value=role, ...',
    roles: API,
    description:
      'What people may do by the values of that claim: `tasker-admins=admin, ops=operator+payload, shop-team=operator@shop|office, *=viewer`. The first that fits counts alone; `+payload` lets them read payloads, `@` limits them to namespaces, `*` is everybody. Whom none fits is refused.',
  }),
  oidcNameClaim: setting({
    env: 'TASKER_OIDC_NAME_CLAIM',
    schema: text(),
    default: 'preferred_username',
    range: 'name, or a path with dots',
    roles: API,
    description: 'The claim with the name of a person in the history and the audit; without it `email`, else `sub`.',
  }),
  oidcName: setting({
    env: 'TASKER_OIDC_NAME',
    schema: matching(/^.{1,40}$/, 'is longer than 40 characters'),
    default: 'single sign-on',
    range: 'text',
    roles: API,
    description: 'What people call the provider: the button is `Sign in with ...`.',
  }),
  oidcSessionMinutes: number('TASKER_OIDC_SESSION_MINUTES', 480, 5, 10_080, {
    roles: API,
    unit: 'minutes',
    description:
      'How long a person stays signed in. What the provider says of a person is asked anew at each sign-in, so a role that is lost there is lost here after this time at the latest.',
  }),
  apiReadOnly: setting({
    env: 'TASKER_API_READ_ONLY',
    schema: boolean,
    default: 'false',
    range: 'true, false',
    roles: API,
    description: 'Refuse every request that would change something, whoever asks.',
  }),
  apiBasePath: setting({
    env: 'TASKER_API_BASE_PATH',
    schema: basePath,
    default: '/',
    range: 'path',
    roles: API,
    description:
      'Where a proxy has the API and the dashboard, such as `/ops/tasker/`; the proxy may take it away from the paths or leave it.',
  }),
  apiTrustedProxies: setting({
    env: 'TASKER_API_TRUSTED_PROXIES',
    schema: proxies,
    default: '',
    range: 'addresses, networks',
    roles: API,
    description:
      'Proxies whose `X-Forwarded-Prefix` is believed instead of TASKER_API_BASE_PATH, such as `10.0.0.0/8,::1`. Headers of others are ignored.',
  }),
  apiDatabaseUrl: setting({
    env: 'TASKER_API_DATABASE_URL',
    schema: url,
    default: undefined,
    range: 'postgres:// URL',
    roles: API,
    secret: true,
    description: 'The same database with a role of its own, instead of DATABASE_URL.',
  }),
  apiQueryTimeoutMs: number('TASKER_API_QUERY_TIMEOUT_MS', 10_000, 100, 600_000, {
    roles: API,
    unit: 'ms',
    description: 'The longest statement of `tasker api`. Requests that read have shorter limits of their own.',
  }),
  apiMaxBodyBytes: number('TASKER_API_MAX_BODY_BYTES', 1_048_576, 1024, 104_857_600, {
    roles: API,
    unit: 'bytes',
    description: 'The largest body of a request. A larger one is refused before it is read.',
  }),
  apiMaxRequests: number('TASKER_API_MAX_REQUESTS', 200, 1, 100_000, {
    roles: API,
    unit: 'requests',
    description:
      'Requests that `tasker api` works on at once; further ones are answered with 503, and beyond a tenth of them while its event loop is late. Those that wait for a task, or for what is read for another, do not count.',
  }),
  apiRequestsPerSecond: number('TASKER_API_REQUESTS_PER_SECOND', 50, 0, 1_000_000, {
    roles: API,
    unit: 'requests/s',
    description:
      'What one principal may ask on average, with bursts of ten seconds; an expensive request counts as several. 0: no limit.',
  }),
  apiMaxStreams: number('TASKER_API_MAX_STREAMS', 1000, 0, 100_000, {
    roles: API,
    unit: 'streams',
    description:
      'Event streams that `tasker api` holds open, of which one principal may have a fifth; further ones are refused.',
  }),
  apiRecheckSeconds: number('TASKER_API_RECHECK_SECONDS', 20, 1, 300, {
    roles: API,
    unit: 's',
    description: 'How often each open event stream is authorised anew.',
  }),
  archiveUrl: setting({
    env: 'TASKER_ARCHIVE_URL',
    schema: matching(
      /^(file:\/\/\/.|s3:\/\/[^/])/,
      'is neither a folder, file:///..., nor a bucket, s3://bucket/prefix',
    ),
    default: undefined,
    range: 'file:///folder, s3://bucket/prefix',
    roles: ARCHIVE,
    description:
      'Where tasks go that retention removes: to a folder, or to an S3-compatible store. Without it they are deleted. Give it to schedulers, and to clients that show, restore or purge archived tasks.',
  }),
  archiveEndpoint: setting({
    env: 'AWS_ENDPOINT_URL_S3',
    schema: matching(/^https?:\/\/[^/]/, 'is neither an http:// nor an https:// URL'),
    default: undefined,
    range: 'URL without the bucket',
    roles: ARCHIVE,
    description: 'The S3-compatible service of the archive; by default that of Amazon in AWS_REGION.',
  }),
  archiveRegion: setting({
    env: 'AWS_REGION',
    schema: text(),
    default: 'us-east-1',
    range: 'region',
    roles: ARCHIVE,
    description: 'The region of the bucket; most other services take any.',
  }),
  archiveAccessKeyId: setting({
    env: 'AWS_ACCESS_KEY_ID',
    schema: path,
    default: undefined,
    range: 'text',
    roles: ARCHIVE,
    description: 'The id of the key for the bucket.',
  }),
  archiveSecretAccessKey: setting({
    env: 'AWS_SECRET_ACCESS_KEY',
    schema: path,
    default: undefined,
    range: 'text',
    roles: ARCHIVE,
    secret: true,
    description: 'The secret of that key.',
  }),
  archiveSecretFile: setting({
    env: 'TASKER_ARCHIVE_SECRET_FILE',
    schema: path,
    default: undefined,
    range: 'path',
    roles: ARCHIVE,
    description: 'A file with that secret, read when the archive is first used, instead of AWS_SECRET_ACCESS_KEY.',
  }),
  archiveBatch: number('TASKER_ARCHIVE_BATCH', 4000, 1, 20_000, {
    roles: SCHEDULER,
    unit: 'tasks',
    description:
      'The most tasks of one object. They are read, packed and removed as one: more of them make fewer objects and longer transactions.',
  }),
  archiveKeep: setting({
    env: 'TASKER_ARCHIVE_KEEP',
    schema: keepTime,
    default: 'forever',
    range: 'forever, 7y, 90d, ...',
    roles: SCHEDULER,
    description: 'How long after their end tasks stay in the archive. An object goes when all of its tasks may.',
  }),
} as const satisfies { readonly [Name in SettingName]: Setting<Settings[Name]> };
