import type { Kysely } from 'kysely';
import { replaceViewAlike, replaceViews } from './support/views.ts';

const VERSIONS_BEFORE = { readiness: 3, contexts: 3, dag: 2, summaries: 2 };

/** The readiness view also has the place of each row; see its file. */
export const up = (db: Kysely<unknown>): Promise<void> => replaceViewAlike(db, 'tasker_step_readiness_statuses', 4);
export const down = (db: Kysely<unknown>): Promise<void> => replaceViews(db, VERSIONS_BEFORE);
