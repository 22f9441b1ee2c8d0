import type { Kysely } from 'kysely';
import { replaceViewAlike } from './support/views.ts';

/** The same columns and the same rows, with less to compute; see its file. */
export const up = (db: Kysely<unknown>): Promise<void> => replaceViewAlike(db, 'tasker_task_execution_contexts', 4);
export const down = (db: Kysely<unknown>): Promise<void> => replaceViewAlike(db, 'tasker_task_execution_contexts', 3);
