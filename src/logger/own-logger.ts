import type { OwnLogger } from './logger-options.ts';
import type { Logger } from './logger-types.ts';
import { type LineRules, safeArguments, safeFields } from './safe-arguments.ts';

const METHODS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** Of pino and its defaults. */
const COMMON_FIELDS = ['level', 'time', 'pid', 'hostname'];

const safe = new WeakSet<object>();

/** Whether it is one of these. */
export function isSafeOwnLogger(log: object): boolean {
  return safe.has(log);
}

/**
 * A logger of the program's own with the safety of this package's: its methods never throw, whatever they are given and whatever it
 * throws; secrets are hidden; a field called like one of the line's is renamed. Everything else of it stays reachable.
 */
export function safeOwnLogger(target: OwnLogger): Logger {
  return wrapped(target, new Set([...COMMON_FIELDS, ...boundFields(target)]), {});
}

/** `bound`: fields of a child of a logger that makes no children: they go into each line. */
function wrapped(target: OwnLogger, own: ReadonlySet<string>, bound: Record<string, unknown>): Logger {
  const rules: LineRules = { messageKey: messageKeyOf(target) };
  const logger = Object.create(target) as Record<string, unknown>;
  for (const method of METHODS) {
    define(logger, method, (...args: unknown[]) => {
      try {
        if (isOff(target, method)) return;
        (target as unknown as Record<string, (...given: unknown[]) => void>)[method]?.(
          ...withBound(safeArguments(args, own, rules), bound),
        );
      } catch {
        // A lost line is better than a failed attempt.
      }
    });
  }
  define(logger, 'child', (bindings: object) => {
    const fields = safeFields(bindings ?? {}, own);
    const names = new Set([...own, ...Object.keys(fields)]);
    try {
      if (typeof target.child === 'function') return wrapped(target.child(fields), names, bound);
    } catch {
      // Its lines have the fields nevertheless.
    }
    return wrapped(target, names, { ...bound, ...fields });
  });
  safe.add(logger);
  // pino sets the methods of a level on the object itself: not on this one, whose methods would be lost.
  Object.defineProperty(logger, 'level', {
    get: () => (target as { level?: unknown }).level,
    set: (level: unknown) => {
      (target as { level?: unknown }).level = level;
    },
  });
  return logger as unknown as Logger;
}

function withBound(args: unknown[], bound: Record<string, unknown>): unknown[] {
  if (Object.keys(bound).length === 0) return args;
  const [first, ...rest] = args;
  return typeof first === 'object' && first !== null ? [{ ...first, ...bound }, ...rest] : [{ ...bound }, ...args];
}

/** A copy of the fields costs more than a line that is not written. */
function isOff(target: OwnLogger, method: string): boolean {
  const { isLevelEnabled } = target as { isLevelEnabled?: unknown };
  return typeof isLevelEnabled === 'function' && isLevelEnabled.call(target, method) === false;
}

/** The fields that the program bound to its logger. */
function boundFields(target: OwnLogger): string[] {
  try {
    const { bindings } = target as { bindings?: unknown };
    return typeof bindings === 'function' ? Object.keys(bindings.call(target) as object) : [];
  } catch {
    return [];
  }
}

/** pino keeps it under a symbol that is another one in each copy of pino. */
function messageKeyOf(target: OwnLogger): string {
  for (let level: object | null = target; level !== null; level = Object.getPrototypeOf(level) as object | null) {
    const symbol = Object.getOwnPropertySymbols(level).find(({ description }) => description === 'pino.messageKey');
    const key: unknown = symbol === undefined ? undefined : (target as unknown as Record<symbol, unknown>)[symbol];
    if (typeof key === 'string') return key;
  }
  return 'msg';
}

function define(logger: object, name: string, value: unknown): void {
  Object.defineProperty(logger, name, { value, writable: true, configurable: true, enumerable: true });
}
