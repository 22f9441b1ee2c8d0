import { addRow, addUpTo, isDone, isState, stateOf, stepHistory } from './history.ts';
import { jsonList, withMember } from './json-text.ts';
import type { MappedStep } from './mapped-task.ts';
import type { SourceStep } from './source-task.ts';

const SECOND = 1_000_000;
/** The limit of a step that has none. */
const DEFAULT_RETRY_LIMIT = 3;

export interface StepOptions {
  /** Microseconds since 1970. */
  now: number;
  requestedAt: number;
  /** Names of steps here. */
  nameOf: (name: string) => string;
  /** The task's context: an equal input of a step is none of its own. */
  context: string;
}

/** A step with its history in the engine's form, before its task decides what becomes of it. */
export function mapStep(
  step: SourceStep,
  parents: string[],
  options: StepOptions,
): { mapped: MappedStep; notes: string[]; unknown?: string } {
  const { rows, unknown, newestUnknown } = stepHistory(step.history, options.now);
  const notes = unknown.map(() => 'unknown_states_left_out');
  if (
    step.history.filter((row) => row.mostRecent).length > 1 ||
    (step.history.length > 0 && step.history.at(-1)?.mostRecent !== true)
  )
    notes.push('most_recent_corrected');
  if (addFlags(rows, step, options)) notes.push('states_from_flags');
  const state = stateOf(rows);
  const attempts = Math.max(step.attempts ?? 0, 0);
  if (!isDone(state)) keepError(rows, step);
  const mapped: MappedStep = {
    name: options.nameOf(step.name),
    parents,
    state,
    history: rows,
    retryable: step.retryable,
    retryLimit: Math.max(step.retryLimit ?? DEFAULT_RETRY_LIMIT, attempts),
    attempts,
    skippable: step.skippable,
    isReady: false,
    nextRetryAt: null,
    blockedAt: null,
    processedAt: isDone(state) ? (step.processedAt ?? rows.at(-1)?.at ?? options.now) : null,
    lastAttemptedAt: step.lastAttemptedAt,
    backoffSeconds: null,
    inputs: step.inputs === null || step.inputs === options.context || step.inputs === 'null' ? null : step.inputs,
    results: isDone(state) ? step.results : null,
  };
  return { mapped, notes, ...(newestUnknown === undefined ? {} : { unknown: newestUnknown }) };
}

/**
 * Release 2.0 dropped the column status and wrote no transition for what was there: the flags are then all that is left. A step that
 * is processed is complete, whatever its history ends with; attempts without a history are an error.
 */
function addFlags(rows: MappedStep['history'], step: SourceStep, { now, requestedAt }: StepOptions): boolean {
  const before = rows.length;
  const begun = Math.min(step.lastAttemptedAt ?? step.processedAt ?? requestedAt, now);
  const times = { begun, ended: Math.min(Math.max(step.processedAt ?? begun, begun), now) };
  if (step.status !== null && rows.length === 0 && isState(step.status))
    addUpTo(rows, step.status, times, { column: 'status' });
  const state = stateOf(rows);
  if (step.processed && (state === 'pending' || state === 'in_progress' || state === 'error'))
    addUpTo(rows, 'complete', times, { flag: 'processed' });
  else if (rows.length === 0 && step.inProcess) addUpTo(rows, 'in_progress', times, { flag: 'in_process' });
  else if (rows.length === 0 && (step.attempts ?? 0) > 0) addUpTo(rows, 'error', times, { flag: 'attempts' });
  return rows.length > before && step.status === null;
}

/** Tasker (Ruby) keeps the error of a step among its results; the engine keeps it in the history. */
function keepError(rows: MappedStep['history'], step: SourceStep): void {
  const row = rows.findLast(({ to }) => to === 'error');
  if (row === undefined) return;
  const error = errorOf(step.results);
  row.metadata = withMember(
    row.metadata,
    'error',
    JSON.stringify(error ?? { name: 'Error', message: 'Tasker (Ruby) kept no message of this attempt' }),
  );
}

function errorOf(results: string | null): { name: string; message: string; stack?: string } | undefined {
  if (results === null || !results.startsWith('{')) return undefined;
  const { error, error_class: name, backtrace } = JSON.parse(results) as Record<string, unknown>;
  if (typeof error !== 'string') return undefined;
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: error,
    ...(backtrace === undefined ? {} : { stack: [backtrace].flat().join('\n') }),
  };
}

/** When the retry of a failed step is due: its own request, counted from its attempt, or 2, 4, ... 30 s after the failure. */
export function retryDueAt(step: SourceStep, mapped: MappedStep, now: number): number {
  if (step.backoffSeconds !== null && step.lastAttemptedAt !== null)
    return step.lastAttemptedAt + step.backoffSeconds * SECOND;
  const failedAt = mapped.history.findLast(({ to }) => to === 'error')?.at ?? now;
  return failedAt + Math.min(2 ** Math.min(mapped.attempts, 30), 30) * SECOND;
}

/** Blocks a step: it waits for an operator, who finds the reason in its history. */
export function block(step: MappedStep, at: number, error: { name: string; message: string }): void {
  addRow(step.history, 'error', at, { blocked: true, error });
  step.state = 'error';
  step.blockedAt = step.history.at(-1)?.at ?? at;
}

/**
 * A step that Tasker (Ruby) cancelled while its task went on. Cancelled is final here and no child could ever run, so it becomes
 * blocked: an operator resolves or retries it. If it was in error before, the row of the error stays.
 */
export function blockCancelled(step: MappedStep): void {
  const cancelled = step.history.pop();
  if (cancelled === undefined) return;
  const error = {
    name: 'StepCancelled',
    message: 'this step was cancelled while its task went on: resolve the step, or retry it',
  };
  if (stateOf(step.history) !== 'error') {
    block(step, cancelled.at, error);
  } else {
    step.state = 'error';
    step.blockedAt = cancelled.at;
  }
  const last = step.history.at(-1);
  if (last !== undefined) last.metadata = withMember(last.metadata, 'cancelled_with', jsonList([cancelled.metadata]));
}
