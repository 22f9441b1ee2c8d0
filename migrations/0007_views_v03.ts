import type { Kysely } from 'kysely';
import { replaceViews } from './support/views.ts';

const VERSIONS_BEFORE = { readiness: 2, contexts: 2, dag: 1, summaries: 1 };
const VERSIONS_AFTER = { readiness: 3, contexts: 3, dag: 2, summaries: 2 };

/** Phase 3: views over the engine's own columns. */
export const up = (db: Kysely<unknown>): Promise<void> => replaceViews(db, VERSIONS_AFTER);
export const down = (db: Kysely<unknown>): Promise<void> => replaceViews(db, VERSIONS_BEFORE);
