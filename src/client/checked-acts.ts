import type { OperatorAction } from '../engine/operator-action.ts';
import type { Pausable } from '../engine/pause.ts';
import { InvalidInputError } from '../errors.ts';
import type { AuditFilter } from '../reads/audit.ts';
import { DEFAULT_NAMESPACE } from '../workflow/build-definition.ts';
import { preview } from '../workflow/preview.ts';
import { checkedText } from './checked.ts';
import type { InTransaction } from './client-options.ts';

/** What to pause or resume. A workflow is `namespace/name`; `default/` may be left out. */
export type PausableName = { queue: string } | { workflow: string };

/** How to pause. */
export interface PauseOptions extends OperatorAction, InTransaction {
  /** When the pause ends by itself; default: when somebody resumes. */
  until?: Date | undefined;
  /** The same as a time from now. */
  forSeconds?: number | undefined;
}

export function checkedPausable(what: PausableName): Pausable {
  const { queue, workflow } = (what ?? {}) as { queue?: unknown; workflow?: unknown };
  if ((queue === undefined) === (workflow === undefined))
    throw new InvalidInputError('give either a queue or a workflow', { field: 'queue' });
  const field = queue === undefined ? 'workflow' : 'queue';
  const name = queue ?? workflow;
  if (typeof name !== 'string' || name === '')
    throw new InvalidInputError(`${field} is ${preview(name)}: give its name`, { field });
  checkedText(field, name);
  if (field === 'queue') return { kind: 'queue', name };
  return { kind: 'workflow', name: name.includes('/') ? name : `${DEFAULT_NAMESPACE}/${name}` };
}

const LONGEST_PAUSE_SECONDS = 366 * 86_400;

/** How long a pause lasts; undefined: until somebody resumes. */
export function pauseSeconds({ until, forSeconds }: PauseOptions): number | undefined {
  if (until === undefined && forSeconds === undefined) return undefined;
  if (until !== undefined && forSeconds !== undefined)
    throw new InvalidInputError('until is given with forSeconds: give one of the two', { field: 'until' });
  if (until !== undefined && (!(until instanceof Date) || Number.isNaN(until.getTime())))
    throw new InvalidInputError(`until is ${preview(until)}: use a Date`, { field: 'until' });
  const seconds = until === undefined ? (forSeconds as number) : (until.getTime() - Date.now()) / 1000;
  if (typeof seconds === 'number' && seconds > 0 && seconds <= LONGEST_PAUSE_SECONDS) return seconds;
  const field = until === undefined ? 'forSeconds' : 'until';
  throw new InvalidInputError(
    `${field} is ${preview(until ?? forSeconds)}: use a time in the future, at most 366 days from now`,
    { field },
  );
}

export function checkedAuditFilter({ act, by, refused, reads, on }: AuditFilter): AuditFilter {
  checkedText('act', act);
  checkedText('by', by);
  for (const [field, value] of Object.entries({ refused, reads }))
    if (value !== undefined && typeof value !== 'boolean')
      throw new InvalidInputError(`${field} is ${preview(value)}: use true or false`, { field });
  checkedText('on.kind', on?.kind);
  checkedText('on.id', on?.id);
  return { act, by, refused, reads, on };
}
