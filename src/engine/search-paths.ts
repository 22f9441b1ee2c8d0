import type { Transactions } from '../db/connections/database.ts';
import {
  deleteSearchPath,
  findRoomForPath,
  insertSearchPath,
  lockDirectoryForPaths,
  type SearchPathRow,
} from '../db/statements/directory/search-paths.ts';
import { audited, byOf } from './audit.ts';
import type { OperatorAction } from './operator-action.ts';

/** Each path costs a row of the directory for nearly every task of its workflow, if its values are all different. */
const MOST_OF_A_WORKFLOW = 10;
const MOST_OF_ALL = 100;

/** A workflow, all versions of it, and a path of its inputs. */
export interface SearchPathName {
  namespace: string;
  workflow: string;
  path: string;
}

/** What came of enabling a path of inputs. */
export type EnableSearchOutcome =
  /** Schedulers enter the values of the tasks that there are, the newest first. */
  | ({ outcome: 'enabled' } & SearchPathRow)
  /** It was enabled before. */
  | { outcome: 'enabled_before' }
  /** No version of the workflow is registered. */
  | { outcome: 'not_found' }
  /** The workflow, or the installation, has as many paths as it may have. */
  | { outcome: 'too_many'; most: number; of: 'workflow' | 'installation' };

/** What came of disabling it. */
export type DisableSearchOutcome = ({ outcome: 'disabled' } & SearchPathRow) | { outcome: 'not_found' };

/** Enables a path. No task is written or locked; it waits for a scheduler that is entering a stretch, some hundred milliseconds. */
export async function enableSearch(
  db: Transactions,
  { jsonPath, ...name }: SearchPathName & { jsonPath: string },
  action: OperatorAction = {},
): Promise<EnableSearchOutcome> {
  return audited<EnableSearchOutcome>(db, { act: 'search.enable', ...about(name), action }, async (tx) => {
    await tx.run(lockDirectoryForPaths);
    const [room] = await tx.run(findRoomForPath, name);
    if (room?.known !== true) return { outcome: 'not_found' };
    if (room.enabled) return { outcome: 'enabled_before' };
    if (room.of_workflow >= MOST_OF_A_WORKFLOW)
      return { outcome: 'too_many', most: MOST_OF_A_WORKFLOW, of: 'workflow' };
    if (room.of_all >= MOST_OF_ALL) return { outcome: 'too_many', most: MOST_OF_ALL, of: 'installation' };
    const [row] = await tx.run(insertSearchPath, { ...name, json_path: jsonPath, enabled_by: byOf(action) });
    return { outcome: 'enabled', ...(row as SearchPathRow) };
  });
}

/** Disables it: searches look into inputs again, and schedulers drop what they had entered within a day. */
export async function disableSearch(
  db: Transactions,
  name: SearchPathName,
  action: OperatorAction = {},
): Promise<DisableSearchOutcome> {
  return audited<DisableSearchOutcome>(db, { act: 'search.disable', ...about(name), action }, async (tx) => {
    const [row] = await tx.run(deleteSearchPath, name);
    return row === undefined ? { outcome: 'not_found' } : { outcome: 'disabled', ...row };
  });
}

const about = ({ namespace, workflow, path }: SearchPathName) => ({
  on: { kind: 'workflow' as const, id: `${namespace}/${workflow}` },
  asked: { path },
});
