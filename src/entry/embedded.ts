/** `tasker-fleet/embedded`: a PostgreSQL for development and tests. Its programs are in a package that is installed when it is wanted. */
export { createDatabase, databaseExists, dropDatabase } from '../embedded/databases.ts';
export type { StopMode } from '../embedded/postmaster.ts';
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
  stopEmbeddedPostgres,
} from '../embedded/start.ts';
export { EmbeddedPostgresError, EmbeddedPostgresUnavailableError, TaskerError } from '../errors.ts';
