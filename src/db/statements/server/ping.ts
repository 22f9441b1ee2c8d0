import { statement } from '../../statement.ts';

/** Can the tables be reached, and are they there? */
export const ping = statement('ping', `SELECT 1 FROM tasker.tasker_workers LIMIT 1`);
