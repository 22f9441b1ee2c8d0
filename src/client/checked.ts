import type { CallersTransaction } from '../db/connections/callers-transaction.ts';
import { findWrongTransaction } from '../transactions/recognize.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { InvalidInputError } from '../errors.ts';
import { type State, STATES } from '../workflow/states.ts';
import { preview } from '../workflow/preview.ts';
import type { RunStatsOptions } from './client-options.ts';
import { isStorable } from '../workflow/storable-text.ts';
import { toStorableJson } from '../workflow/to-storable-json.ts';

/** Arguments of the client, checked before anything is sent. Each throws InvalidInputError with the field, the value and the range. */

export function checkedWhole(field: string, value: number, min: number, max: number, meaning = ''): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InvalidInputError(`${field} is ${preview(value)}: use a whole number from ${min} to ${max}${meaning}`, {
    field,
  });
}

/** Milliseconds from 0 on; Infinity is no limit. */
export function checkedMilliseconds(field: string, value: number): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw new InvalidInputError(`${field} is ${preview(value)}: use milliseconds from 0 on`, { field });
}

/** A text that is stored with a task or in its history. PostgreSQL stores no \u0000 and no half of a surrogate pair. */
export function checkedText(field: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !isStorable(value)) {
    throw new InvalidInputError(
      `${field} is ${preview(value)}: use a text without \\u0000 and without halves of surrogate pairs`,
      { field },
    );
  }
  return value;
}

export function checkedTexts(field: string, values: readonly string[] | undefined): readonly string[] | undefined {
  if (values === undefined) return undefined;
  if (!Array.isArray(values)) throw new InvalidInputError(`${field} is ${preview(values)}: use an array`, { field });
  for (const [index, value] of values.entries()) {
    if (value === undefined) throw new InvalidInputError(`${field}[${index}] is undefined: use a text`, { field });
    checkedText(`${field}[${index}]`, value);
  }
  return values;
}

/**
 * What would use any connection and commit at once is refused: the task would exist even if the caller's work was rolled back. So is a
 * transaction of another library without its adapter. Whether a transaction is open is found by a statement.
 */
export function checkedTransaction(transaction: unknown): CallersTransaction {
  const wrong = findWrongTransaction(transaction);
  if (wrong === undefined) return transaction as CallersTransaction;
  throw new InvalidInputError(`transaction is ${wrong.what}: pass ${wrong.pass}`, { field: 'transaction' });
}

/** For callers without types: where a transaction has no effect, it must not be ignored. */
export function checkNoTransaction(options: object, given: string, use: string): void {
  if ((options as { transaction?: unknown }).transaction === undefined) return;
  throw new InvalidInputError(`transaction is given to ${given}: ${use}`, { field: 'transaction' });
}

export function checkedStates(states: readonly State[] | undefined): readonly State[] | undefined {
  if (states === undefined) return undefined;
  if (!Array.isArray(states)) {
    throw new InvalidInputError(`states is ${preview(states)}: use an array`, { field: 'states' });
  }
  for (const [index, state] of states.entries()) {
    if ((STATES as readonly unknown[]).includes(state)) continue;
    throw new InvalidInputError(`states[${index}] is ${preview(state)}: use one of ${STATES.join(', ')}`, {
      field: 'states',
    });
  }
  return states;
}

/** `since` with its default; the names of a namespace and a workflow. */
export function checkedStats(options: RunStatsOptions): RunStatsOptions & { since: Date } {
  const since = options.since ?? new Date(Date.now() - 86_400_000);
  if (!(since instanceof Date) || Number.isNaN(since.getTime()))
    throw new InvalidInputError(`since is ${preview(since)}: use a Date`, { field: 'since' });
  checkedText('namespace', options.namespace);
  checkedText('workflow', options.workflow);
  return { ...options, since };
}

/** As `checkedStats`, of one workflow. */
export function checkedHourStats<Options extends RunStatsOptions & { namespace: string; workflow: string }>(
  options: Options,
): Options & { since: Date } {
  for (const field of ['namespace', 'workflow'] as const) {
    if (typeof options[field] === 'string') continue;
    throw new InvalidInputError(`${field} is ${preview(options[field])}: name the one workflow whose hours to read`, {
      field,
    });
  }
  return { ...options, ...checkedStats(options) };
}

export function checkedAction<Options extends OperatorAction & { steps?: readonly string[] }>(
  options: Options,
): Options {
  checkedText('by', options.by);
  checkedText('reason', options.reason);
  checkedTexts('steps', options.steps);
  if (options.dryRun !== undefined && typeof options.dryRun !== 'boolean') {
    throw new InvalidInputError(`dryRun is ${preview(options.dryRun)}: use true or false`, { field: 'dryRun' });
  }
  return options;
}

/** The result that an operator gives a step, as JSON. */
export function checkedResult(step: string, value: unknown): string {
  const result = toStorableJson(value, { maxBytes: Infinity });
  if (result.ok) return result.json;
  throw new InvalidInputError(`${result.reason}: step "${step}" is not resolved`, { field: 'result' });
}
