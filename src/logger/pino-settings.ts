import pino from 'pino';
import { compileLineRedaction, REDACTED } from '../redact.ts';
import { type Loggable, loggableFields } from './loggable.ts';
import type { LoggerOptions } from './logger-options.ts';
import type { LogDestination, Logger, PinoOptions } from './logger-types.ts';
import { startTransport } from './start-transport.ts';
import { safeFields } from './safe-arguments.ts';

export interface PinoSettings {
  readonly settings: PinoOptions;
  /** Fields that each line has from the start. */
  readonly own: ReadonlySet<string>;
  readonly messageKey: string;
  /** Hides what the paths of the configuration name; pino's own formatters are not called for children. */
  readonly hide: (fields: Record<string, Loggable>) => Record<string, Loggable>;
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
  // As in the API: one function for the paths of the configuration. Those of the program's own options are pino's.
  const hide = compileLineRedaction(options.redact ?? []);
  const isHiding = (options.redact ?? []).length > 0;
  const settings: PinoOptions = {
    timestamp: pino.stdTimeFunctions.isoTime,
    ...given,
    messageKey,
    level: options.level ?? given.level ?? 'info',
    base: fields,
    formatters: {
      ...(level === undefined ? {} : { level }),
      ...(typeof bindings !== 'function' && !isHiding
        ? {}
        : { bindings: (each: Record<string, unknown>) => hide(attempted(() => bindings?.(each) ?? each, each)) }),
      ...(typeof log !== 'function' && !isHiding
        ? {}
        : {
            log: (each: Record<string, unknown>) =>
              hide(log === undefined ? each : attempted(() => safeFields(log(each), taken(each)), each)),
          }),
    },
    ...(typeof mixin !== 'function'
      ? {}
      : {
          mixin: (merged: object, number: number, logger: Logger) =>
            attempted(() => safeFields(mixin(merged, number, logger), new Set([...ownOf(logger), messageKey])), {}),
        }),
    ...(redact === undefined
      ? {}
      : { redact: Array.isArray(redact) ? { censor: REDACTED, paths: redact } : { censor: REDACTED, ...redact } }),
  };
  // They are called before the copy, and not again with it.
  delete settings.serializers;
  const named = level === undefined ? ['level'] : Object.keys(attempted(() => level('info', 30), { level: 'info' }));
  const name = given.name === undefined ? [] : ['name'];
  return {
    settings,
    own: new Set([...named, 'time', ...name, ...Object.keys(loggableFields(fields))]),
    messageKey,
    hide,
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
