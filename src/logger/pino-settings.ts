import pino from 'pino';
import { loggableFields, REDACTED } from './loggable.ts';
import type { LoggerOptions } from './logger-options.ts';
import type { LogDestination, Logger, PinoOptions } from './logger-types.ts';
import { startTransport } from './start-transport.ts';
import { safeFields } from './safe-arguments.ts';

export interface PinoSettings {
  readonly settings: PinoOptions;
  /** Fields that each line has from the start. */
  readonly own: ReadonlySet<string>;
  readonly messageKey: string;
}

/**
 * The options of the engine's logger with those of the program in them. What the program's own functions return is copied as every
 * other field of a line is, and gets other names for fields that the line has already (`ownOf`).
 */
export function pinoSettings(options: LoggerOptions, ownOf: (logger?: Logger) => ReadonlySet<string>): PinoSettings {
  // The destination is made of it: see destinationOf.
  const { transport, ...given } = (options.pino ?? {}) as PinoOptions;
  const { formatters = {}, mixin, redact, base } = given;
  const level = formatters.level ?? (isListOfTargets(transport) ? undefined : (label: string) => ({ level: label }));
  const fields = { ...base, role: options.role, pid: process.pid };
  const { log, bindings } = formatters;
  const messageKey = given.messageKey ?? 'message';
  /** A formatter may not add a field that the line has, nor its text a second time. */
  const taken = (each: object): ReadonlySet<string> =>
    messageKey in each ? ownOf() : new Set([...ownOf(), messageKey]);
  const paths = [...(options.redact ?? []), ...(Array.isArray(redact) ? redact : (redact?.paths ?? []))];
  const settings: PinoOptions = {
    timestamp: pino.stdTimeFunctions.isoTime,
    ...given,
    messageKey,
    level: options.level ?? given.level ?? 'info',
    base: fields,
    formatters: {
      ...(level === undefined ? {} : { level }),
      ...(typeof bindings !== 'function'
        ? {}
        : { bindings: (each: Record<string, unknown>) => attempted(() => bindings(each), each) }),
      ...(typeof log !== 'function'
        ? {}
        : { log: (each) => attempted(() => safeFields(log(each), taken(each)), each as Record<string, unknown>) }),
    },
    ...(typeof mixin !== 'function'
      ? {}
      : {
          mixin: (merged: object, number: number, logger: Logger) =>
            attempted(() => safeFields(mixin(merged, number, logger), new Set([...ownOf(logger), messageKey])), {}),
        }),
    ...(paths.length === 0 ? {} : { redact: { censor: REDACTED, ...(Array.isArray(redact) ? {} : redact), paths } }),
  };
  // They are called before the copy, and not again with it.
  delete settings.serializers;
  const named = level === undefined ? ['level'] : Object.keys(attempted(() => level('info', 30), { level: 'info' }));
  const name = given.name === undefined ? [] : ['name'];
  return {
    settings,
    own: new Set([...named, 'time', ...name, ...Object.keys(loggableFields(fields))]),
    messageKey,
  };
}

/** Where lines go. An error of it ends the log but not the process. */
export function destinationOf({ destination, pino: given }: LoggerOptions): LogDestination {
  const { transport } = (given ?? {}) as PinoOptions;
  if (destination !== undefined) return destination;
  if (transport === undefined) {
    const stdout = pino.destination({ dest: 1, sync: true });
    stdout.on('error', () => undefined);
    return stdout;
  }
  return startTransport(transport);
}

/** pino's transports with several targets choose by the number of the level: it may have no other form. */
function isListOfTargets(transport: PinoOptions['transport']): boolean {
  return transport !== undefined && 'targets' in transport;
}

function attempted<T>(work: () => T, otherwise: T): T {
  try {
    return work() ?? otherwise;
  } catch {
    return otherwise;
  }
}
