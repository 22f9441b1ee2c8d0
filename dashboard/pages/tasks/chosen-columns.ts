import type { Task } from '../../api/types.ts';

/** In the order of the table. What `GET /v1/tasks` returns of a task anyway: no choice costs a read. */
export const COLUMN_NAMES = [
  'state',
  'id',
  'workflow',
  'version',
  'priority',
  'tags',
  'schedule',
  'initiator',
  'source',
  'reason',
  'requested',
  'ended',
  'took',
] as const;
export type ColumnName = (typeof COLUMN_NAMES)[number];

const inOrder = (isShown: (name: ColumnName) => boolean): readonly ColumnName[] =>
  // The id is the link to the task: it stays.
  COLUMN_NAMES.filter((name) => name === 'id' || isShown(name));

/**
 * Columns of the list. `text`: as in the address, `state.workflow.tags`; names that there are not are ignored, and without any that there is the
 * columns are the usual ones, of which tags and whoever submitted are shown where a task of the page has them.
 */
export function columnsOf(text: string, tasks: readonly Task[]): readonly ColumnName[] {
  const words = new Set<string>(text.split('.'));
  if (COLUMN_NAMES.some((name) => words.has(name))) return inOrder((name) => words.has(name));
  return inOrder((name) => {
    switch (name) {
      case 'tags':
        return tasks.some(({ tags, schedule }) => (tags ?? []).length > 0 || schedule !== null);
      case 'initiator':
        return tasks.some(({ initiator }) => initiator !== null && initiator !== '');
      case 'priority':
      case 'schedule':
      case 'source':
      case 'reason':
      case 'ended':
        return false;
      default:
        return true;
    }
  });
}

/** For the address: a dot needs no escape there. The id is written only if it is all that is left. */
export const columnsText = (names: readonly ColumnName[]): string =>
  names.filter((name) => name !== 'id').join('.') || 'id';

/** Shows a column, or shows it no longer. */
export const toggleColumn = (shown: readonly ColumnName[], name: ColumnName): readonly ColumnName[] =>
  inOrder((each) => shown.includes(each) !== (each === name));
