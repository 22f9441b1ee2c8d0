import { fileURLToPath } from 'node:url';
import { ownFolder } from './own-folder.ts';
import type { LogRecord, Paint } from './log-record.ts';

export interface LoggedError {
  name: string;
  message: string;
  stack?: string | undefined;
  note?: string | undefined;
  cause?: unknown;
}

const INDENT = ' '.repeat(10);
/** Of a stack: enough to see where the user's own code was. */
const MOST_FRAMES = 6;
const MOST_CAUSES = 4;

/** The error of a record: of a failed step, or one that was logged. */
export function errorOf(record: LogRecord): LoggedError | undefined {
  if (record['error_message'] !== undefined || record['error_name'] !== undefined) {
    return asError({
      name: record['error_name'],
      message: record['error_message'],
      stack: record['error_stack'],
      note: record['error_note'],
      cause: record['error_cause'],
    });
  }
  const logged = record['error'] ?? record['err'];
  return typeof logged === 'object' && logged !== null ? asError(logged as Record<string, unknown>) : undefined;
}

/** The error, then the frames of its stack that are not of Node or of a package, then what caused it. */
export function drawError(error: LoggedError, paint: Paint, depth = 0): string[] {
  const title = depth === 0 ? '' : 'caused by ';
  const text = error.message.split('\n').join(`\n${INDENT}`);
  const lines = [`${INDENT}${paint('red', `${title}${error.name}: ${text}`)}`];
  if (error.note !== undefined) lines.push(`${INDENT}${error.note}`);
  for (const frame of userFrames(error.stack ?? '')) lines.push(`${INDENT}${paint('dim', `  ${frame}`)}`);
  const cause = typeof error.cause === 'object' && error.cause !== null ? asError(error.cause as object) : undefined;
  return cause === undefined || depth >= MOST_CAUSES ? lines : [...lines, ...drawError(cause, paint, depth + 1)];
}

function asError(value: object): LoggedError {
  const { name, message, stack, note, cause } = value as Record<string, unknown>;
  return {
    name: typeof name === 'string' && name !== '' ? name : 'Error',
    message: typeof message === 'string' ? message : '',
    stack: typeof stack === 'string' ? stack : undefined,
    note: typeof note === 'string' ? note : undefined,
    cause,
  };
}

/** The frames of a stack that are in the user's own code. */
export function userFrames(stack: string): string[] {
  const ours = ownFolder();
  const own = stack
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at ') && !/node:|<anonymous>\)?$|[\\/]node_modules[\\/]/.test(line))
    .map((line) => line.replace(/file:\/\/[^\s)]+?(?=:\d+:\d+\)?$)/, (url) => fileURLToPath(url)))
    .filter((line) => ours === undefined || !line.includes(ours));
  return own.slice(0, MOST_FRAMES).map((line) => line.replaceAll(`${process.cwd()}/`, './'));
}
