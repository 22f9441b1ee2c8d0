import type { Database } from '../../db/connections/database.ts';
import { enterDirectoryOnce } from '../../engine/enter-directory.ts';
import type { Metrics } from '../../metrics/registry.ts';
import { INTERVALS_MS } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/**
 * A directory that is behind waits for the transactions that may have lower ids. One that has allocated an id and written nothing yet is none of
 * them: it does so within moments.
 */
const YOUNG_SECONDS = 60;

/** Keeps the directory of tasks, by which lists of a workflow, a tag or a value of an input are read. */
export function keepDirectory(db: Database, metrics: Metrics): Chore {
  return {
    name: 'keep_directory',
    intervalMs: INTERVALS_MS.keep_directory,
    async run() {
      const { tasks, more, behind, toSearch } = await enterDirectoryOnce(db, { youngSeconds: YOUNG_SECONDS });
      if (behind !== undefined) metrics.set('directoryBehind', {}, behind);
      if (toSearch !== undefined) metrics.set('searchBehind', {}, toSearch);
      return { done: tasks, more };
    },
  };
}
