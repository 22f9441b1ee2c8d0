import { isFinal, STATES } from '../../../workflow/states.ts';

const list = (states: readonly string[]): string => `(${states.map((state) => `'${state}'`).join(', ')})`;

/** Of steps and tasks to which something may still happen: every state that is not final. */
const OPEN = list(STATES.filter((state) => !isFinal(state)));
/** Of steps and tasks that ended well: the children of such a step may run. */
export const DONE = list(['complete', 'resolved_manually']);

export const isOpen = (row: string): string => `${row}.state IN ${OPEN}`;
export const isDone = (row: string): string => `${row}.state IN ${DONE}`;
export const isNotDone = (row: string): string => `${row}.state NOT IN ${DONE}`;
