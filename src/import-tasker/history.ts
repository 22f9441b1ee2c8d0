import { isFinal, STATES, type State } from '../workflow/states.ts';
import { jsonList, withMember, withMembers } from './json-text.ts';
import type { SourceTransition } from './source-task.ts';

/** One row of a history in the engine's form; its sort key is its place, its from_state the state before. */
export interface HistoryRow {
  to: State;
  at: number;
  /** JSON text of an object. */
  metadata: string;
}

export interface MappedHistory {
  rows: HistoryRow[];
  /** States that the engine does not have; their rows are left out. */
  unknown: string[];
  /** The state that the newest row has, if the engine does not have it: then nobody knows where this stands. */
  newestUnknown?: string;
}

type Known = SourceTransition & { readonly to: State };

export const isState = (text: string): text is State => (STATES as readonly string[]).includes(text);
export const isDone = (state: State): boolean => state === 'complete' || state === 'resolved_manually';

/** The state after these rows. */
export const stateOf = (rows: readonly HistoryRow[]): State => rows.at(-1)?.to ?? 'pending';

/**
 * The history of a step as the engine would have written it. The newest row by sort key counts, whichever is marked as the most
 * recent one. A step that was done stays done, whatever was written after it: it must never run again.
 */
export const stepHistory = (history: readonly SourceTransition[], now: number): MappedHistory =>
  toForm(history, now, (row, index, rows) => {
    const doneBefore = rows.slice(0, index).some((before) => isDone(before.to));
    return !doneBefore && (row.to !== 'cancelled' || index === rows.length - 1);
  });

/**
 * The history of a task. Tasker (Ruby) puts a started task back to pending between its rounds; the engine does not, so such a row
 * means that it goes on. Complete tasks may be cancelled there: the newest final state counts.
 */
export const taskHistory = (history: readonly SourceTransition[], now: number): MappedHistory =>
  toForm(
    history.map((row, index) => (index > 0 && row.to === 'pending' ? { ...row, to: 'in_progress' } : row)),
    now,
    (row, index, rows) => !isFinal(row.to) || index === rows.length - 1,
  );

function toForm(
  history: readonly SourceTransition[],
  now: number,
  counts: (row: Known, index: number, rows: readonly Known[]) => boolean,
): MappedHistory {
  const known = history.filter((row): row is Known => isState(row.to));
  const unknown = history.filter((row) => !isState(row.to)).map((row) => row.to);
  const rows: HistoryRow[] = [];
  const collapsed: string[] = [];
  for (const [index, row] of known.entries()) {
    const counted = counts(row, index, known);
    if (counted && row.to !== stateOf(rows)) rows.push(inOrder(row, rows.at(-1)?.at ?? 0, now));
    else if (row.to !== 'pending') collapsed.push(collapsedRow(row));
  }
  const last = rows.at(-1);
  if (last !== undefined && collapsed.length > 0)
    last.metadata = withMember(last.metadata, 'collapsed', jsonList(collapsed));
  const newest = history.at(-1);
  return { rows, unknown, ...(newest === undefined || isState(newest.to) ? {} : { newestUnknown: newest.to }) };
}

/** With a time that is not before the row before it and not in the future; the original one is kept. */
function inOrder(row: Known, after: number, now: number): HistoryRow {
  const at = Math.min(Math.max(row.at, after), now);
  const metadata = row.metadata === null ? '{}' : withMembers(row.metadata, {});
  return { to: row.to, at, metadata: at === row.at ? metadata : withMembers(metadata, { created_at: iso(row.at) }) };
}

const collapsedRow = (row: Known): string =>
  withMember(
    JSON.stringify({ sort_key: row.sortKey, to_state: row.to, created_at: iso(row.at) }),
    'metadata',
    row.metadata ?? 'null',
  );

/** To the millisecond: for people. */
export const iso = (microseconds: number): string => new Date(microseconds / 1000).toISOString();

/** Adds a row that Tasker (Ruby) did not write, with the reason for it. */
export function addRow(rows: HistoryRow[], to: State, at: number, metadata: object): void {
  rows.push({
    to,
    at: Math.max(at, rows.at(-1)?.at ?? 0),
    metadata: JSON.stringify({ by: 'import-tasker', ...metadata }),
  });
}

/** Adds what leads to a state that only a flag or a column records. */
export function addUpTo(
  rows: HistoryRow[],
  to: State,
  times: { begun: number; ended: number },
  metadata: object,
): void {
  const state = stateOf(rows);
  if (state === to || to === 'pending') return;
  const passes = to === 'complete' || to === 'error';
  if (passes && state !== 'in_progress') addRow(rows, 'in_progress', times.begun, metadata);
  addRow(rows, to, to === 'in_progress' ? times.begun : times.ended, metadata);
}
