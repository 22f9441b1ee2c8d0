import type { Logger, LogMethod } from './logger-types.ts';
import { OWN_FIELDS, type Owning } from './safe-logger.ts';

/** Of pino. */
const LEVELS: Readonly<Record<string, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: Number.POSITIVE_INFINITY,
};

/**
 * A logger of this package that `make` makes when there is a line for it: a program whose lines begin at `warn` writes none in its first
 * seconds, and pino takes a twentieth of its start. `make` does not throw: what it is given has been checked.
 */
export function lateLogger(level: string, make: () => Logger): Logger {
  let lowest = level;
  let made: Logger | undefined;
  const real = (): Logger => {
    if (made === undefined) {
      made = make();
      if (made.level !== lowest) made.level = lowest;
    }
    return made;
  };
  // Functions of their own, not methods: a handler may take one away from its logger.
  const method =
    (name: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'): LogMethod =>
    (...line: unknown[]) => {
      if (made === undefined && (LEVELS[name] as number) < (LEVELS[lowest] as number)) return;
      (real()[name] as (...given: unknown[]) => void)(...line);
    };
  const logger: Owning = {
    [OWN_FIELDS]: new Set(),
    get level() {
      return made?.level ?? lowest;
    },
    set level(wanted) {
      // pino says what is wrong with a level that it does not know.
      if (made !== undefined || LEVELS[wanted] === undefined) real().level = wanted;
      lowest = wanted;
    },
    trace: method('trace'),
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    fatal: method('fatal'),
    child: (bindings, options) =>
      made !== undefined || options !== undefined
        ? real().child(bindings, options)
        : lateLogger(lowest, () => real().child(bindings)),
    bindings: () => real().bindings(),
    setBindings: (bindings) => real().setBindings(bindings),
    isLevelEnabled: (name) => real().isLevelEnabled(name),
    flush: (callback) => (made === undefined ? callback?.() : made.flush(callback)),
  };
  return logger;
}
