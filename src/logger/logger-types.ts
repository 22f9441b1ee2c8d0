/**
 * What of pino is part of this package's own types. pino is compiled into the package, so a user has its types only if the program has
 * pino itself: loggers and options of pino fit into these.
 */

/** Writes a line: a message, or fields (or an error) and a message. Further values replace `%s`, `%d`, `%o` and `%j` of the message. */
export interface LogMethod {
  (message: string, ...values: unknown[]): void;
  (fields: unknown, message?: string, ...values: unknown[]): void;
}

/** The logger that `createLogger` makes. */
export interface Logger {
  /** trace, debug, info, warn, error, fatal or silent: what is below it is not written. */
  level: string;
  trace: LogMethod;
  debug: LogMethod;
  info: LogMethod;
  warn: LogMethod;
  error: LogMethod;
  fatal: LogMethod;
  /** A logger with further fields in each line. */
  child(bindings: Record<string, unknown>, options?: object): Logger;
  /** The fields in each line. */
  bindings(): Record<string, unknown>;
  setBindings(bindings: Record<string, unknown>): void;
  isLevelEnabled(level: string): boolean;
  flush(callback?: (error?: Error) => void): void;
}

/** A stream of lines. */
export interface LogDestination {
  write(line: string): unknown;
}

/** A program for the lines, as pino has it: in a thread of its own. */
export type PinoTransport =
  | { target: string; options?: object; worker?: object }
  | { targets: readonly object[]; options?: object; worker?: object; levels?: Record<string, number>; dedupe?: boolean }
  | { pipeline: readonly object[]; options?: object; worker?: object; level?: string };

/** As a method, so that a function of a narrower value fits. */
type Serializer = { of(value: unknown): unknown }['of'];

/** Options of pino 10, which its documentation explains: https://getpino.io/#/docs/api?id=options */
export interface PinoOptions {
  name?: string;
  level?: string;
  levelVal?: number;
  levelComparison?: 'ASC' | 'DESC' | ((current: number, expected: number) => boolean);
  customLevels?: Record<string, number>;
  useOnlyCustomLevels?: boolean;
  enabled?: boolean;
  safe?: boolean;
  /** Needs the package pino beside this one. */
  transport?: PinoTransport;
  serializers?: Record<string, Serializer>;
  formatters?: {
    level?(label: string, number: number): object;
    bindings?(bindings: Record<string, unknown>): object;
    log?(fields: Record<string, unknown>): Record<string, unknown>;
  };
  timestamp?: boolean | (() => string);
  base?: Record<string, unknown> | null;
  mixin?(fields: object, level: number, logger: Logger): object;
  mixinMergeStrategy?(fields: object, mixed: object): object;
  redact?: string[] | { paths: string[]; censor?: unknown; remove?: boolean };
  messageKey?: string;
  errorKey?: string;
  nestedKey?: string;
  msgPrefix?: string;
  hooks?: {
    logMethod?(this: Logger, args: unknown[], method: LogMethod, level: number): void;
    streamWrite?(line: string): string;
  };
  depthLimit?: number;
  edgeLimit?: number;
  onChild?(child: Logger): void;
  crlf?: boolean;
}
