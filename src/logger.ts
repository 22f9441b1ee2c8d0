import pino from 'pino';
import { InvalidInputError } from './errors.ts';
import { checkLoggerOptions, isLogger, type LoggerOptions } from './logger/logger-options.ts';
import { destinationOf, type PinoSettings, pinoSettings } from './logger/pino-settings.ts';
import type { Logger, LogMethod, PinoOptions } from './logger/logger-types.ts';
import { type LineRules, safeArguments, safeFields } from './logger/safe-arguments.ts';
import { OWN_FIELDS, type Owning, safeLogger } from './logger/safe-logger.ts';

export type { LogDestination, Logger, LogMethod, PinoOptions, PinoTransport } from './logger/logger-types.ts';
export type { LoggerOptions, OwnLogger } from './logger/logger-options.ts';

const NONE: ReadonlySet<string> = new Set();

/**
 * The process's logger: one JSON object a line on stdout, unless the options say otherwise. Payloads (inputs, results) are never logged
 * by the engine. If its reader goes away (EPIPE), the log ends but not the process.
 *
 * Its methods never throw, whatever they are given. Values under names of secrets are hidden at any depth, further ones by
 * the paths in `redact` (pino's notation). A field called like one that the line has already (`level`, `task_id`) is renamed
 * `field_level`. All this holds with options of pino and with a pino of the program's own. Throws InvalidInputError for bad options.
 */
export function createLogger(options: LoggerOptions): Logger {
  checkLoggerOptions(options);
  if (isLogger(options.pino)) return safeLogger(options.pino).child({ role: options.role });
  let writing: ReadonlySet<string> = NONE;
  const { settings, own, messageKey, hide } = pinoSettings(
    options,
    (logger) => (logger as Owning | undefined)?.[OWN_FIELDS] ?? writing,
  );
  const { hooks, serializers } = (options.pino ?? {}) as PinoOptions;
  const logMethod = hooks?.logMethod;
  settings.hooks = {
    ...hooks,
    logMethod(args: unknown[], method: LogMethod, level: number) {
      // Without `this` the method was called apart from its logger: the line then has the fields of the process.
      const line = (this as Logger | undefined) ?? logger;
      try {
        writing = (line as Owning)[OWN_FIELDS] ?? NONE;
        const safe = safeArguments(args, writing, rules);
        if (logMethod === undefined) (method as (...given: unknown[]) => void).apply(line, safe);
        else logMethod.call(line, safe, method, level);
      } catch {
        // Only code of the program, or a stream that cannot be written to, comes here.
      }
    },
  };
  const rules: LineRules = { messageKey, ...(serializers === undefined ? {} : { serializers }) };
  const logger: Owning = made(() => pino(settings as pino.LoggerOptions, destinationOf(options)));
  logger[OWN_FIELDS] = own;
  makeChildrenSafe(logger, hide);
  return logger;
}

function made(make: () => Logger): Logger {
  try {
    return make();
  } catch (error) {
    if (error instanceof InvalidInputError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidInputError(`pino refuses these options of a logger: ${reason}`, { field: 'pino' });
  }
}

/** A child logger has the fields of its parent and may not repeat them. Children of children are made by the same function. */
function makeChildrenSafe(logger: Owning, hide: PinoSettings['hide']): void {
  const { child, setBindings } = logger;
  logger.child = function childWithSafeFields(this: Owning, bindings: object, options?: object): Owning {
    const inherited = this[OWN_FIELDS] ?? NONE;
    const fields = hide(safeFields(bindings ?? {}, inherited));
    const instance = (child as unknown as (...args: unknown[]) => Owning).call(this, fields, options);
    instance[OWN_FIELDS] = new Set([...inherited, ...Object.keys(fields)]);
    return instance;
  } as unknown as Logger['child'];
  logger.setBindings = function setSafeBindings(this: Owning, bindings: object): void {
    const inherited = this[OWN_FIELDS] ?? NONE;
    const fields = hide(safeFields(bindings, inherited));
    setBindings.call(this, fields);
    this[OWN_FIELDS] = new Set([...inherited, ...Object.keys(fields)]);
  };
}
