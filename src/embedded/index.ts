/** A real PostgreSQL without installing one: for development, the examples and the tests. Not for production. */
export { createDatabase, dropDatabase, withDatabase } from './databases.ts';
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
  stopEmbeddedPostgres,
} from './start.ts';
export type { StopMode } from './postmaster.ts';
