import { defineStatement } from '../../statement.ts';

/** Fails unless the database can be reached and has the tables. */
export const ping = defineStatement()({ name: 'ping', text: `SELECT 1 FROM tasker.tasker_workers LIMIT 1` });
