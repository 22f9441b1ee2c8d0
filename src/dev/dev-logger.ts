import { writeSync } from 'node:fs';
import { createLogger, type Logger } from '../logger.ts';
import { LogLines } from './log-line.ts';
import { type LogRecord, paintFor } from './log-record.ts';

/** The role under which `tasker dev` itself writes. */
export const DEV_ROLE = 'dev';

/**
 * A logger that writes for people instead of programs. What a worker or scheduler reports about itself (started, draining) is
 * left out unless `verbose`: it is about the fleet and not about the user's workflow. Warnings are always shown.
 */
export function devLogger(options: {
  role: string;
  level: string;
  verbose: boolean;
  redact?: readonly string[];
  /** Names of steps, for which there is to be room. */
  steps?: readonly string[];
}): Logger {
  const lines = new LogLines(paintFor(process.stdout), options.steps);
  const write = (line: string): void => {
    const record = JSON.parse(line) as LogRecord;
    if (!options.verbose && isAboutFleet(record)) return;
    writeOut(`${lines.draw(record)}\n`);
  };
  return createLogger({ ...options, destination: { write } });
}

function isAboutFleet({ role, level, step, task_id: taskId }: LogRecord): boolean {
  return level === 'info' && role !== DEV_ROLE && step === undefined && taskId === undefined;
}

/** At once, so that the lines of two processes and of handlers stay in order. A reader that went away ends no process. */
function writeOut(text: string): void {
  try {
    writeSync(1, text);
  } catch (error) {
    // A full pipe: the stream waits for it.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') process.stdout.write(text);
  }
}
