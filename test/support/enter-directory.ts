import type { Database } from '../../src/db/connections/database.ts';
import { enterDirectoryOnce } from '../../src/engine/enter-directory.ts';
import { waitFor } from './wait-for.ts';

/** Ids that are entered at once: fewer than these wait for more of them. */
const PART = 4096;

/**
 * Enters every task into the directory, but for the newest few thousand ids at most. Ids are entered when every transaction that was running
 * is over, also those in the databases of other test files: a round with nothing to do may be one that waits.
 */
export async function enterDirectory(db: Database): Promise<void> {
  await waitFor(
    async () => {
      const { more, behind = PART, toSearch } = await enterDirectoryOnce(db, { youngSeconds: 0 });
      return !more && behind < PART && toSearch === 0;
    },
    { what: 'the directory to have the tasks', timeoutMs: 60_000, intervalMs: 5 },
  );
}
