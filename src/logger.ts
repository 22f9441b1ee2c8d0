import pino, { type DestinationStream, type LogFn, type Logger } from 'pino';
import { isErrorLike, type Loggable, loggableFields, loggableText, REDACTED } from './logger/loggable.ts';

export type { Logger } from 'pino';

/** The fields that each logger adds to its lines: JSON with the same key twice is ambiguous. */
const OWN_FIELDS = Symbol('own fields of every line');
type Owning = Logger & { [OWN_FIELDS]?: ReadonlySet<string> };

const MESSAGE = 'message';

/**
 * The process's logger: one JSON object a line on stdout. Payloads (inputs, results) are never logged by the engine. If its
 * reader goes away (EPIPE), the log ends but not the process.
 *
 * Its methods never throw, whatever they are given. Values under names of secrets are hidden at any depth, further ones by
 * the paths in `redact` (pino's notation). A field called like one that the line has already (`level`, `task_id`) is renamed
 * `field_level`.
 */
export function createLogger(options: { level: string; role: string; redact?: readonly string[] }): Logger {
  const destination = pino.destination({ dest: 1, sync: true });
  destination.on('error', () => undefined);
  return createLoggerTo(destination, options);
}

/** As createLogger, with another place for the lines. */
export function createLoggerTo(destination: DestinationStream, options: Parameters<typeof createLogger>[0]): Logger {
  const base = { role: options.role, pid: process.pid };
  const paths = [...(options.redact ?? [])];
  const logger: Owning = pino(
    {
      level: options.level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: MESSAGE,
      formatters: { level: (label) => ({ level: label }) },
      ...(paths.length === 0 ? {} : { redact: { paths, censor: REDACTED } }),
      hooks: {
        logMethod(args: unknown[], method: LogFn) {
          // Without `this` the method was called apart from its logger: the line then has the fields of the process.
          writeSafely((this as Logger | undefined) ?? logger, args, method);
        },
      },
    },
    destination,
  );
  logger[OWN_FIELDS] = new Set(['level', 'time', ...Object.keys(base)]);
  makeChildrenSafe(logger);
  return logger;
}

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * A logger for the code of a handler, with these fields in every line. It never throws into the handler, neither this
 * package's logger nor one that the program passed in.
 */
export function handlerLogger(
  log: Logger,
  fields: Record<string, string | number>,
): Pick<Logger, 'debug' | 'info' | 'warn' | 'error'> {
  let child: Logger;
  try {
    child = log.child(fields);
  } catch {
    return SILENT;
  }
  if ((log as Owning)[OWN_FIELDS] !== undefined) return child;
  const own = new Set(['level', 'time', ...Object.keys(fields)]);
  const guarded =
    (level: 'debug' | 'info' | 'warn' | 'error'): LogFn =>
    (...args: unknown[]) => {
      try {
        (child[level] as (...given: unknown[]) => void)(...safeArguments(args, own));
      } catch {
        // A lost line is better than a failed attempt.
      }
    };
  return { debug: guarded('debug'), info: guarded('info'), warn: guarded('warn'), error: guarded('error') };
}

function writeSafely(logger: Owning, args: unknown[], method: LogFn): void {
  try {
    (method as (...given: unknown[]) => void).apply(logger, safeArguments(args, logger[OWN_FIELDS] ?? new Set()));
  } catch {
    // Only a stream that cannot be written to comes here.
  }
}

/** Fields (or an error), a message and its arguments, in the form of pino, made so that nothing in them can throw. */
function safeArguments(args: readonly unknown[], own: ReadonlySet<string>): unknown[] {
  const [first, ...rest] = args;
  const texts = rest.map(safeText);
  if (typeof first !== 'object' || first === null) return [...(first === undefined ? [] : [safeText(first)]), ...texts];
  const fields = isErrorLike(first) ? loggableFields({ err: first }) : renamed(withErrors(loggableFields(first)), own);
  if (texts.length > 0) return [texts[0] === undefined ? fields : renamed(fields, new Set([MESSAGE])), ...texts];
  if (!isErrorLike(first)) return [fields];
  return [fields, (fields['err'] as { message: string }).message];
}

/** Makes sure that `error` and `err` are objects with a message. */
function withErrors(fields: { [key: string]: Loggable }): { [key: string]: Loggable } {
  for (const key of ['error', 'err']) {
    const value = fields[key];
    if (value !== undefined && (typeof value !== 'object' || value === null)) fields[key] = { message: String(value) };
  }
  return fields;
}

function renamed(fields: { [key: string]: Loggable }, taken: ReadonlySet<string>): { [key: string]: Loggable } {
  if (!Object.keys(fields).some((key) => taken.has(key))) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [taken.has(key) ? `field_${key}` : key, value]),
  );
}

function safeText(value: unknown): unknown {
  if (typeof value === 'string') return loggableText(value);
  if (value === undefined || typeof value === 'number' || typeof value === 'boolean') return value;
  return loggableFields({ value })['value'] ?? String(typeof value);
}

/** A child logger has the fields of its parent and may not repeat them. Children of children are made by the same function. */
function makeChildrenSafe(logger: Owning): void {
  const { child, setBindings } = logger;
  logger.child = function childWithSafeFields(this: Owning, bindings: object, options?: object): Owning {
    const inherited = this[OWN_FIELDS] ?? new Set<string>();
    const fields = renamed(withErrors(loggableFields(bindings ?? {})), inherited);
    const made = (child as unknown as (...args: unknown[]) => Owning).call(this, fields, options);
    made[OWN_FIELDS] = new Set([...inherited, ...Object.keys(fields)]);
    return made;
  } as unknown as Logger['child'];
  logger.setBindings = function setSafeBindings(this: Owning, bindings: object): void {
    const inherited = this[OWN_FIELDS] ?? new Set<string>();
    const fields = renamed(withErrors(loggableFields(bindings)), inherited);
    setBindings.call(this, fields);
    this[OWN_FIELDS] = new Set([...inherited, ...Object.keys(fields)]);
  };
}
