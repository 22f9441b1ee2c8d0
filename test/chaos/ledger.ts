import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A record of what handlers did, written outside the engine, because the engine's own tables cannot prove the engine right. One file
 * per process, one line per event, written before the handler goes on, so that a kill loses no event that had happened.
 */
export interface LedgerLine {
  kind: 'begin' | 'effect' | 'polluted';
  pid: number;
  task: string;
  step: string;
  attempt: number;
  /** The submitter's name of the task, independent of its id. */
  identity: string;
  /** The idempotency key that the handler got. */
  key: string;
  fault: string | undefined;
  /** Also part of the attempt's result, so that the stored result names its effect. */
  effect: string | undefined;
  /** Milliseconds of the machine's monotonic clock, which all processes share and no clock offset moves. */
  at: number;
}

export const LEDGER_FOLDER = 'CHAOS_LEDGER';

export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

export function record(line: Omit<LedgerLine, 'pid' | 'at'>): void {
  const folder = process.env[LEDGER_FOLDER];
  if (folder === undefined) throw new Error(`${LEDGER_FOLDER} is not set: these workflows run under \`npm run chaos\``);
  const whole: LedgerLine = { ...line, pid: process.pid, at: monotonicMs() };
  appendFileSync(join(folder, `${process.pid}.jsonl`), `${JSON.stringify(whole)}\n`);
}

/** Suffix of the files that list the stalls of a process. */
export const STALLS = '.stalls';

/** A time during which the event loop of a process stood still, by the same clock as the ledger. */
export interface Stall {
  pid: number;
  from: number;
  to: number;
}

export function readLedger(folder: string): LedgerLine[] {
  return readLines<LedgerLine>(folder, '.jsonl');
}

export function readStalls(folder: string): Stall[] {
  return readLines<Stall>(folder, STALLS);
}

function readLines<Line>(folder: string, ending: string): Line[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .flatMap((file) =>
      readFileSync(join(folder, file), 'utf8')
        .split('\n')
        // A process that was killed while it wrote leaves half a line, of an event that had not happened yet.
        .flatMap((line) => parseLine<Line>(line)),
    );
}

function parseLine<Line>(text: string): Line[] {
  try {
    return text === '' ? [] : [JSON.parse(text) as Line];
  } catch {
    return [];
  }
}
