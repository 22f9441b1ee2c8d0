import type { TaskSummary } from './reports.ts';
import { grouped } from './summary.ts';

/** The output of progress: on a terminal one line that is overwritten, elsewhere a line every few seconds. */
export interface Display {
  /** Shows the current state. */
  update(status: string): void;
  /** An event: stays on the screen. */
  note(line: string): void;
  /** Removes the state from the screen. */
  clear(): void;
}

/** Seldom enough for the log of a build, often enough to see progress. */
const plainIntervalMs = 2000;

export function createDisplay(output: NodeJS.WriteStream): Display {
  return output.isTTY ? terminalDisplay(output) : plainDisplay(output);
}

function terminalDisplay(output: NodeJS.WriteStream): Display {
  let status = '';
  const erase = (): void => {
    if (status !== '') output.write('\r\u001B[K');
  };
  const draw = (): void => {
    // One column less than the terminal has: a full line would wrap, and could not be overwritten.
    if (status !== '') output.write(status.slice(0, Math.max(20, (output.columns ?? 80) - 1)));
  };
  return {
    update(text) {
      erase();
      status = text;
      draw();
    },
    note(line) {
      erase();
      output.write(`${line}\n`);
      draw();
    },
    clear() {
      erase();
      status = '';
    },
  };
}

function plainDisplay(output: NodeJS.WritableStream): Display {
  let last = { at: -Infinity, status: '' };
  return {
    update(status) {
      const now = performance.now();
      if (now - last.at < plainIntervalMs || status === last.status) return;
      last = { at: now, status };
      output.write(`${status}\n`);
    },
    note(line) {
      output.write(`${line}\n`);
    },
    clear() {},
  };
}

/** The progress line of a run. */
export class Progress {
  readonly #expectedTasks: number;
  readonly #expectedSteps: number;
  readonly #startedAt: number;
  #window: { at: number; steps: number }[] = [];

  /** `nowMs`: any clock that only goes forward. */
  constructor(expected: { tasks: number; steps: number }, nowMs: number) {
    this.#expectedTasks = expected.tasks;
    this.#expectedSteps = expected.steps;
    this.#startedAt = nowMs;
  }

  /** Tasks that have ended, in any way. */
  static endedTasks(summary: TaskSummary): number {
    const { complete = 0, error = 0, cancelled = 0, resolved_manually = 0 } = summary.tasks;
    return complete + error + cancelled + resolved_manually;
  }

  isFinished(summary: TaskSummary): boolean {
    return Progress.endedTasks(summary) >= this.#expectedTasks;
  }

  /** One line: progress, rate, failures. */
  line(summary: TaskSummary, nowMs: number): string {
    const steps = summary.steps['complete'] ?? 0;
    // Over the last three seconds: long enough to be steady, short enough to be current.
    this.#window = [...this.#window.filter(({ at }) => nowMs - at <= 3000), { at: nowMs, steps }];
    const first = this.#window[0] as { at: number; steps: number };
    const rate = nowMs > first.at ? ((steps - first.steps) * 1000) / (nowMs - first.at) : 0;
    const ended = Progress.endedTasks(summary);
    const waiting = summary.steps['error'] ?? 0;
    // The most important figures come first: a narrow terminal cuts the end off.
    return [
      `${bar(ended / this.#expectedTasks)} ${grouped(ended)}/${grouped(this.#expectedTasks)} tasks`,
      `${grouped(steps)}/${grouped(this.#expectedSteps)} steps`,
      `${grouped(Math.round(rate))}/s`,
      `retries ${grouped(summary.retries)}`,
      `failed ${summary.tasks['error'] ?? 0}`,
      `${((nowMs - this.#startedAt) / 1000).toFixed(0)} s`,
      `running ${summary.steps['in_progress'] ?? 0}`,
      `waiting to retry ${waiting - summary.blocked_steps}`,
    ].join('  ');
  }
}

function bar(part: number): string {
  const width = 10;
  const full = Math.min(width, Math.floor(part * width));
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
}
