import type { RecordedDocument, TaskRecord } from '../reads/record/record.ts';
import { editView } from './edit-view.ts';
import type { DocumentKind, Redact } from '../redact.ts';
import { readExactly } from '../exact-json.ts';

type Shown = { bytes: number; value?: unknown } | null;

/** A record as it is shown: the texts of documents as JSON, with what TASKER_REDACT hides replaced. */
export function recordView({ input, steps, history, ...record }: TaskRecord, redact: Redact): Record<string, unknown> {
  const shown = (document: RecordedDocument | null, kind: DocumentKind): Shown => {
    if (document === null) return null;
    const { bytes, json } = document;
    return json === undefined ? { bytes } : { bytes, value: redact(readExactly(json), kind) };
  };
  return {
    ...record,
    input: shown(input, 'input'),
    steps: steps.map((step) => ({
      ...step,
      input: shown(step.input, 'input'),
      result: shown(step.result, 'result'),
    })),
    history: history.map((row) => ({ ...row, edited: editView(row.edited, redact) })),
  };
}
