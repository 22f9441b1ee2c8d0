import type { RecordedEdit } from '../reads/record/record.ts';
import { type Redact, REDACTED } from '../redact.ts';
import type { JsonChange } from '../workflow/json-diff.ts';

/** What an act has changed of an input, as it is shown: with what TASKER_REDACT hides replaced. */
export function editView(edit: RecordedEdit | null, redact: Redact): RecordedEdit | null {
  if (edit?.changes === undefined) return edit;
  return { ...edit, changes: edit.changes.map((change) => changeView(change, redact)) };
}

function changeView(change: JsonChange, redact: Redact): JsonChange {
  const place = change.path.split('/').slice(1).map(nameOf);
  // A long value is the beginning of its text, in which nothing has a place.
  const isHidden = (value: unknown): boolean =>
    redact.hides(place, 'input') || (typeof value === 'string' && redact.hidesInside(place, 'input'));
  const shown = (value: JsonChange['to']): JsonChange['to'] => (isHidden(value) ? REDACTED : within(value));
  const within = (value: JsonChange['to']): JsonChange['to'] => {
    const whole = redact(
      place.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value),
      'input',
    );
    return place.reduce<unknown>((outer, name) => (outer as Record<string, unknown>)[name], whole) as JsonChange['to'];
  };
  return {
    path: change.path,
    ...(change.from === undefined ? {} : { from: shown(change.from) as NonNullable<JsonChange['from']> }),
    ...(change.to === undefined ? {} : { to: shown(change.to) as NonNullable<JsonChange['to']> }),
  };
}

const nameOf = (segment: string): string => segment.replaceAll('~1', '/').replaceAll('~0', '~');
