import { statement } from '../../statement.ts';

/** The encoding of the database, by PostgreSQL's name: UTF8, LATIN1, SQL_ASCII. */
export const serverEncoding = statement<{ encoding: string }>(
  'server_encoding',
  `SELECT current_setting('server_encoding') AS encoding`,
);
