import type { OwnLogger } from './logger-options.ts';
import type { Logger } from './logger-types.ts';
import { isSafeOwnLogger, safeOwnLogger } from './own-logger.ts';

/** The fields that each logger of this package adds to its lines: JSON with the same key twice is ambiguous. */
export const OWN_FIELDS = Symbol('own fields of every line');
export type Owning = Logger & { [OWN_FIELDS]?: ReadonlySet<string> };

/** A logger of the program's own, made safe; one of this package is returned as it is. */
export function safeLogger(log: Logger | OwnLogger): Logger {
  const isSafe = (log as Owning)[OWN_FIELDS] !== undefined || isSafeOwnLogger(log);
  return isSafe ? (log as Logger) : safeOwnLogger(log);
}

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * A logger for the code of a handler, with these fields in every line. It never throws into the handler, neither this
 * package's logger nor one that the program passed in.
 */
export function handlerLogger(
  log: Logger | OwnLogger,
  fields: Record<string, string | number>,
): Pick<Logger, 'debug' | 'info' | 'warn' | 'error'> {
  try {
    return safeLogger(log).child(fields);
  } catch {
    return SILENT;
  }
}
