import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

const SECRET_KEYS = [
  'password',
  'passwd',
  'secret',
  'token',
  'api_key',
  'apiKey',
  'authorization',
  'cookie',
  'connectionString',
  'databaseUrl',
];

/** At the top of a line, one level down, and two: as deep as a line of ours goes. */
const SECRET_PATHS = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/**
 * The process's logger: one JSON object a line on stdout, with `redact` hiding secrets by key. Payloads (inputs, results)
 * are never logged by the engine. A reader that goes away (EPIPE) ends the log and not the process.
 */
export function createLogger(options: { level: string; role: string; redact?: readonly string[] }): Logger {
  const destination = pino.destination({ dest: 1, sync: true });
  destination.on('error', () => undefined);
  return pino(
    {
      level: options.level,
      base: { role: options.role, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: [...SECRET_PATHS, ...(options.redact ?? [])], censor: '[redacted]' },
      serializers: { error: serializeError, err: serializeError },
    },
    destination,
  );
}

/** An error as a line shows it, with the password of any connection URL in its message hidden. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: hidePasswords(String(error)) };
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: hidePasswords(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    stack: hidePasswords(error.stack ?? ''),
  };
}

function hidePasswords(text: string): string {
  return text.replaceAll(/(\w+:\/\/[^\s:/@]+):[^\s@/]+@/g, '$1:[redacted]@');
}
