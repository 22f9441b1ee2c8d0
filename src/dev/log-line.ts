import { type LoggedError, drawError, errorOf } from './error-lines.ts';
import type { Format, LogRecord, Paint } from './log-record.ts';

const COLOURS: Readonly<Record<string, Format>> = {
  complete: 'green',
  error: 'red',
  timeout: 'red',
  released: 'yellow',
  cancelled: 'yellow',
};
const WIDEST_OUTCOME = 'complete'.length;
/** Shown in the columns of a line, or of no use to a person. */
const IN_COLUMNS = new Set(
  `level time role pid message namespace workflow version task_id step queue attempt worker_id outcome duration_ms will_retry
   error err error_name error_message error_code error_note error_stack error_cause error_errors`.split(/\s+/),
);

/**
 * Draws log lines for people: the time, the task and its step, what happened. One object for each process, which keeps the
 * columns even.
 */
export class LogLines {
  private readonly paint: Paint;
  private widths = { task: 0, step: 0 };

  /** `steps`: names for which there is to be room. */
  constructor(paint: Paint, steps: readonly string[] = []) {
    this.paint = paint;
    this.widths.step = Math.max(0, ...steps.map((name) => name.length));
  }

  draw(record: LogRecord): string {
    const time = this.paint('dim', clockTime(record.time));
    const error = errorOf(record);
    const head = [time, ...this.subject(record), this.text(record, error)].filter((part) => part !== '').join('  ');
    return error === undefined ? head : [head, ...drawError(error, this.paint)].join('\n');
  }

  /** `checkout #12  pay`, padded as wide as the widest until now. */
  private subject({ workflow, task_id: taskId, step }: LogRecord): string[] {
    if (typeof workflow !== 'string' || taskId === undefined) return [];
    const task = `${workflow} #${String(taskId)}`;
    const name = typeof step === 'string' ? step : '';
    this.widths = { task: Math.max(this.widths.task, task.length), step: Math.max(this.widths.step, name.length) };
    return [this.paint('cyan', task.padEnd(this.widths.task)), name.padEnd(this.widths.step)];
  }

  private text(record: LogRecord, error: LoggedError | undefined): string {
    const { outcome, message = '' } = record;
    if (typeof outcome === 'string') {
      const word = this.paint(COLOURS[outcome] ?? 'reset', outcome.padEnd(WIDEST_OUTCOME));
      return [word, durationOf(record), this.attempt(record)].filter((part) => part !== '').join('  ');
    }
    const fields = Object.entries(record)
      .filter(([name]) => !IN_COLUMNS.has(name))
      .map(([name, value]) =>
        this.paint('dim', `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`),
      );
    const shown = message === '' && error !== undefined ? error.message : message;
    return [this.byLevel(record.level, shown), ...fields].filter((part) => part !== '').join(' ');
  }

  private byLevel(level: string, text: string): string {
    if (level === 'warn') return this.paint('yellow', text);
    if (level === 'error' || level === 'fatal') return this.paint('red', text);
    return level === 'debug' || level === 'trace' ? this.paint('dim', text) : text;
  }

  /** Which attempt it was, if it was not the first or will not be the last. */
  private attempt({ attempt, will_retry: willRetry, outcome, step }: LogRecord): string {
    if (step === undefined || typeof attempt !== 'number') return '';
    if (willRetry === true) return this.paint('dim', `attempt ${attempt}; it will be tried again`);
    if (willRetry === false && outcome !== 'complete') return this.paint('dim', `attempt ${attempt}, the last one`);
    return attempt === 1 ? '' : this.paint('dim', `attempt ${attempt}`);
  }
}

function durationOf({ duration_ms: ms }: LogRecord): string {
  return typeof ms === 'number' ? duration(ms) : '';
}

/** `3 ms`, `1.2 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** The time of day, here. */
function clockTime(iso: string): string {
  const time = new Date(iso);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
