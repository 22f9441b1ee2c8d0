import { defineStatement } from '../../statement.ts';

/** The encoding of the database, by PostgreSQL's name: UTF8, LATIN1, SQL_ASCII. */
export const serverEncoding = defineStatement<{ encoding: string }>()({
  name: 'server_encoding',
  text: `SELECT current_setting('server_encoding') AS encoding`,
});
