import type { HistoryPageRow, StoredEdit } from '../../db/reads/task-documents.ts';
import type { StepDocumentsRow } from '../../db/reads/task-record.ts';
import type { StoredError } from '../../workflow/describe-thrown.ts';
import { readExactly } from '../../exact-json.ts';
import { ordinalOf } from '../../workflow/step-id.ts';
import type { CriticalPath } from '../critical-path/critical-path.ts';
import type { Explanation } from '../explain/explanation.ts';
import type { TaskDetails, TaskStep } from '../task.ts';

/** The text of a document, as it is stored. */
export interface RecordedDocument {
  bytes: number;
  /** JSON text, with every digit of its numbers. Absent: payloads were not asked for, or it is longer than a record takes. */
  json?: string;
}

/** An error without its message, which may repeat what the step worked on; with it if payloads were asked for. */
export type RecordedError = Pick<StoredError, 'name'> & Partial<Omit<StoredError, 'name'>>;

/** A step in a record, with its states, times and documents. */
export interface RecordedStep extends Omit<
  TaskStep,
  'results' | 'last_error' | 'workflow_step_id' | 'allowed_actions'
> {
  /** Its ordinal in the workflow. */
  n: number;
  last_error: RecordedError | null;
  /** Null: it has the input of the task. */
  input: RecordedDocument | null;
  /** Null: there is none. */
  result: RecordedDocument | null;
}

/** A transition in a record, with the name of its step. */
export type RecordedTransition = Omit<HistoryPageRow, 'step_id' | 'sort_key' | 'error' | 'edited'> & {
  error: Partial<RecordedError> | null;
  /** Without payloads only what was edited, and not how. */
  edited: RecordedEdit | null;
};

/** What an act has changed of an input. */
export type RecordedEdit = Pick<StoredEdit, 'of'> & Partial<StoredEdit>;

/** Everything that the database has of one run, as one document: for a ticket, or to keep. */
export interface TaskRecord {
  /** Of this form. Members are only added. */
  format: 1;
  made_at: Date;
  /** Of this library. */
  made_by: string;
  /** Whether inputs, results and the messages of errors are in it. */
  payloads: boolean;
  task: Omit<TaskDetails, 'context' | 'steps' | 'allowed_actions'>;
  input: RecordedDocument;
  steps: RecordedStep[];
  history: RecordedTransition[];
  /** False: the history is longer, and this is its beginning. */
  history_complete: boolean;
  critical_path: CriticalPath | null;
  /** Why it does not go on; null: it has ended. */
  explanation: Explanation | null;
}

/** What a record is made of. */
export interface RecordParts {
  madeAt: Date;
  madeBy: string;
  task: TaskDetails;
  input: { json: string; bytes: number };
  documents: readonly StepDocumentsRow[];
  history: readonly HistoryPageRow[];
  historyComplete: boolean;
  criticalPath: CriticalPath | undefined;
  /** Without the messages of errors, if payloads are not asked for. */
  explanation: Explanation | undefined;
}

/** Puts the parts together. Without `payloads` nothing is in it that a step worked on, nor what an error says about it. */
export function composeRecord(parts: RecordParts, payloads: boolean): TaskRecord {
  const { context: _context, steps, allowed_actions: _actions, ...task } = parts.task;
  const documents = new Map(parts.documents.map((row) => [row.n, row]));
  const document = (bytes: number | null | undefined, json: string | null | undefined): RecordedDocument | null => {
    if (bytes === null || bytes === undefined) return null;
    return payloads && json !== null && json !== undefined ? { bytes, json } : { bytes };
  };
  return {
    format: 1,
    made_at: parts.madeAt,
    made_by: parts.madeBy,
    payloads,
    task,
    input: document(parts.input.bytes, parts.input.json) as RecordedDocument,
    steps: steps.map(
      ({ results: _results, workflow_step_id: id, allowed_actions: _own, last_error: error, ...step }) => {
        const n = ordinalOf(id);
        const own = documents.get(n);
        return {
          n,
          ...step,
          last_error: errorOf(error, payloads) as RecordedError | null,
          input: document(own?.input_bytes, own?.input),
          result: document(own?.result_bytes, own?.result),
        };
      },
    ),
    history: parts.history.map(({ step_id: _id, sort_key: _key, error, edited, ...row }) => ({
      ...row,
      error: errorOf(error, payloads),
      edited: editOf(edited, payloads),
    })),
    history_complete: parts.historyComplete,
    critical_path: parts.criticalPath ?? null,
    explanation: parts.explanation ?? null,
  };
}

type AnyError = { name?: string; message?: string; code?: string };

function errorOf(error: AnyError | null, payloads: boolean): Partial<RecordedError> | null {
  if (error === null || payloads) return error;
  const { name, code } = error;
  return { ...(name === undefined ? {} : { name }), ...(code === undefined ? {} : { code }) };
}

/** The hashes of both inputs are in the audit: one is enough to find out a value that is hidden in an input that is known otherwise. */
export function editOf(text: string | null, payloads: boolean): RecordedEdit | null {
  if (text === null) return null;
  const { of, changes, more } = readExactly(text) as StoredEdit;
  return payloads ? { of, changes, more } : { of };
}
