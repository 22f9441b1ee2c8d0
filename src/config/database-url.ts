import { accessSync, constants } from 'node:fs';

/**
 * What a connection string may contain. The driver ignores unknown parameters, and it reads a password with a raw "/", "?" or
 * "#" as a host, a port and a path; both are refused here, with the fix, before anything connects.
 */

export interface DatabaseUrl {
  /**
   * The same without `application_name`, which would replace the program's own, and with aliases of sslmode replaced by the
   * one that the driver means.
   */
  readonly connectionString: string;
  readonly applicationName: string | undefined;
  /** Bind the login to the TLS session if the server offers it. The driver does so only if this is set. */
  readonly channelBinding: boolean;
  /** Server settings in the connection string (or PGOPTIONS), by name in lower case. */
  readonly settings: ReadonlyMap<string, string>;
}

export type ReadDatabaseUrl = { ok: true; url: DatabaseUrl } | { ok: false; problem: string };

/** Server settings that the driver sends at the start of a session. */
const SETTINGS = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
/** Parameters that the driver reads from the query part of the URL, and those that ask for its only behaviour. */
const PARAMETERS = new Set(
  `host port user password options application_name fallback_application_name
   ssl sslmode sslcert sslkey sslrootcert sslnegotiation uselibpqcompat
   client_encoding channel_binding gssencmode target_session_attrs keepalives ${SETTINGS.join(' ')}`.split(/\s+/),
);
const FILES = new Set(['sslcert', 'sslkey', 'sslrootcert']);
/** Parameters for which the driver supports only these values. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  client_encoding: ['utf8', 'utf-8', 'auto'],
  gssencmode: ['disable', 'prefer'],
  // The fleet writes: a read-only server refuses its first statement.
  target_session_attrs: ['any', 'read-write', 'primary'],
  keepalives: ['1'],
  channel_binding: ['disable', 'prefer', 'require'],
  // The driver takes any other text for verify-full.
  sslmode: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'],
};
/**
 * The driver treats these as verify-full, unless it is set to be compatible with libpq, and prints a warning of six lines for
 * each.
 */
const VERIFY_FULL = /^sslmode=(prefer|require|verify-ca)$/;
const ELSEWHERE: Readonly<Record<string, string>> = {
  schema: 'TASKER_SCHEMA names the schema',
  connect_timeout: 'TASKER_CONNECT_TIMEOUT_MS is that',
  query_timeout: 'TASKER_QUERY_TIMEOUT_MS is that',
  connection_limit: 'TASKER_POOL_SIZE is that',
  pool_timeout: 'TASKER_CONNECT_TIMEOUT_MS is that',
  pgbouncer: 'TASKER_POOLED=true is that',
  dbname: 'the database is the path of the URL',
};

const ENCODE =
  'in user and password write "/" as %2F, "?" as %3F, "#" as %23, "@" as %40, ":" as %3A and "%" as %25 (encodeURIComponent does)';

/** Reads a connection string. A problem never repeats the text: it may contain a password. */
export function readDatabaseUrl(text: string, pgOptions = process.env['PGOPTIONS']): ReadDatabaseUrl {
  const no = (problem: string): ReadDatabaseUrl => ({ ok: false, problem });
  const url = parse(text);
  if (url === undefined) {
    return /,/.test(/^\w+:\/\/(?:[^/]*@)?([^/?]*)/.exec(text)?.[1] ?? '')
      ? no('names several hosts: name one, or a name or proxy that leads to the primary')
      : no(`cannot be read as a URL: the port is a number up to 65535, and ${ENCODE}`);
  }
  if (url.hash !== '' || /[@/]/.test(url.pathname.slice(1))) return no(`cannot be read: ${ENCODE}`);
  if (url.hostname.includes(',') || url.searchParams.getAll('host').some((host) => host.includes(','))) {
    return no('names several hosts: name one, or a name or proxy that leads to the primary');
  }
  for (const [name, value] of url.searchParams) {
    if (!PARAMETERS.has(name)) {
      const instead = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined;
      if (instead !== undefined) return no(`has the parameter "${name}", which does nothing here: ${instead}`);
      // What looks like a name may be the rest of a password.
      const named = /^[a-z_]{1,40}$/i.test(name) ? `the parameter "${name}"` : 'a parameter';
      return no(`has ${named}, which the driver does not know: take it out, and ${ENCODE}`);
    }
    const only = ONLY[name];
    if (only !== undefined && !only.includes(value.toLowerCase())) {
      return no(`has ${name}=${shown(value)}, and the driver can do ${only.join(' or ')} only`);
    }
    if (FILES.has(name) && !isReadable(value)) {
      return no(`has ${name}=, and that file cannot be read by this process`);
    }
    if (name === 'port' && !isPort(value)) return no(`has port=${shown(value)}: a port is a number up to 65535`);
  }
  const settings = parseOptions(url.searchParams.get('options') ?? pgOptions ?? '');
  if (settings === undefined) {
    return no('has options that cannot be read: write -c name=value for each, a space inside a value as "\\ "');
  }
  for (const name of SETTINGS) {
    const value = url.searchParams.get(name);
    if (value === null) continue;
    // The driver would read "30s" as 30 ms.
    if (!/^\d{1,9}$/.test(value)) return no(`has ${name}=${shown(value)}: give whole milliseconds`);
    settings.set(name, value);
  }
  const applicationName = url.searchParams.get('application_name') ?? undefined;
  const channelBinding = ['prefer', 'require'].includes(url.searchParams.get('channel_binding') ?? '');
  return { ok: true, url: { connectionString: forDriver(text), applicationName, channelBinding, settings } };
}

/** The host may be missing after user and password: then a parameter, PGHOST or a default gives it. */
function parse(text: string): URL | undefined {
  for (const candidate of [text, text.replace('@/', '@localhost/')]) {
    try {
      const url = new URL(candidate);
      // The driver decodes these, and would fail with an error of its own at a "%" that encodes nothing.
      for (const part of [url.username, url.password, url.hostname])
        decodeURIComponent(part.replaceAll(/%(?![\da-f]{2})/gi, '%25'));
      return url;
    } catch {
      // The next one.
    }
  }
  return undefined;
}

function forDriver(text: string): string {
  const [before = '', query] = [text.split('?', 1)[0], text.slice(text.indexOf('?') + 1)];
  if (!text.includes('?')) return text;
  const libpq = /(^|&)uselibpqcompat=true(&|$)/.test(query);
  const rest = query
    .split('&')
    .filter((pair) => !/^application_name(=|$)/.test(pair))
    .map((pair) => (libpq ? pair : pair.replace(VERIFY_FULL, 'sslmode=verify-full')));
  return rest.length === 0 ? before : `${before}?${rest.join('&')}`;
}

/**
 * As the server reads them: words divided by spaces, a backslash before a literal character. Undefined if it is anything
 * else.
 */
function parseOptions(text: string): Map<string, string> | undefined {
  const words = [...text.matchAll(/(?:\\.|[^\s\\])+/gs)].map(([word]) => word.replaceAll(/\\(.)/gs, '$1'));
  const settings = new Map<string, string>();
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as string;
    const pair =
      word === '-c' ? words[(index += 1)] : word.startsWith('-c') || word.startsWith('--') ? word.slice(2) : undefined;
    const [, name, value] = /^([\w.-]+)=(.*)$/s.exec(pair ?? '') ?? [];
    if (name === undefined || value === undefined) return undefined;
    settings.set(name.replaceAll('-', '_').toLowerCase(), value);
  }
  return settings;
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536;
const shown = (value: string): string => (/^[\w.-]{1,40}$/.test(value) ? value : 'something else');
