import pino from 'pino';
import { InvalidInputError } from '../errors.ts';
import type { LogDestination, Logger, PinoOptions } from './logger-types.ts';

/** A logger of the program's own: pino's of any version, or another whose methods take fields and a message. */
export interface OwnLogger {
  debug(fields: object, message?: string): void;
  info(fields: object, message?: string): void;
  warn(fields: object, message?: string): void;
  error(fields: object, message?: string): void;
  child?(bindings: Record<string, unknown>): OwnLogger;
}

/** Of `createLogger`. */
export interface LoggerOptions {
  /** The field `role` of each line: `worker`, `scheduler`, or a name of the program. */
  role: string;
  /** trace, debug, info, warn, error, fatal or silent. Default info. */
  level?: string;
  /** Paths whose values are hidden, in pino's notation, beside those under names of secrets. */
  redact?: readonly string[];
  /** Where lines go. Default: standard output. */
  destination?: LogDestination;
  /**
   * Options of pino (`transport`, `formatters`, `serializers`, `timestamp`, `base`, `mixin`, `messageKey`, ...) for the logger that
   * is made; or a logger of the program's own, which then writes the lines in its own way.
   */
  pino?: PinoOptions | OwnLogger;
}

/** Throws InvalidInputError for what cannot be meant. */
export function checkLoggerOptions(options: LoggerOptions): void {
  const { role, level, redact, destination, pino: given } = options;
  if (typeof role !== 'string' || role === '') throw refused('role', role, 'use a text, such as "worker"');
  if (redact !== undefined && (!Array.isArray(redact) || redact.some((path) => typeof path !== 'string')))
    throw refused('redact', redact, 'use a list of paths, such as ["order.note"]');
  if (isLogger(given)) {
    for (const [field, value] of Object.entries({ level, redact, destination })) {
      if (value !== undefined && !(field === 'redact' && (value as string[]).length === 0)) {
        throw new InvalidInputError(
          `${field} is an option of a logger that is made, but pino is a logger already: give it there, or leave it out here`,
          { field },
        );
      }
    }
    return;
  }
  if (given !== undefined && (typeof given !== 'object' || given === null))
    throw refused('pino', given, 'use an object of options of pino, or a logger');
  const settings = given as PinoOptions | undefined;
  if (destination !== undefined && settings?.transport !== undefined)
    throw new InvalidInputError('destination and pino.transport both say where lines go: leave one of them out', {
      field: 'destination',
    });
  const known = [...Object.keys(pino.levels.values), 'silent', ...Object.keys(settings?.customLevels ?? {})];
  if (level !== undefined && !known.includes(level)) throw refused('level', level, `use one of ${known.join(', ')}`);
}

export function isLogger(value: unknown): value is OwnLogger & Logger {
  return typeof value === 'object' && value !== null && typeof (value as { info?: unknown }).info === 'function';
}

function refused(field: string, value: unknown, use: string): InvalidInputError {
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return new InvalidInputError(`${field} is ${shown}: ${use}`, { field });
}
