import type { Kysely } from 'kysely';
import { replaceViews } from './support/views.ts';

const VERSIONS_BEFORE = { readiness: 1, contexts: 1, dag: 1, summaries: 1 };
const VERSIONS_AFTER = { readiness: 2, contexts: 2, dag: 1, summaries: 1 };

/** Phase 2: states from most_recent instead of DISTINCT ON. */
export const up = (db: Kysely<unknown>): Promise<void> => replaceViews(db, VERSIONS_AFTER);
export const down = (db: Kysely<unknown>): Promise<void> => replaceViews(db, VERSIONS_BEFORE);
