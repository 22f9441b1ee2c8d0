/** pg-boss accepts names of at most 50 bytes; TASKER_SCHEMA has up to 48. */
const MOST_BYTES = 50;
const SUFFIX = '_cron';

/**
 * The cron schema of a fleet that sets none: one for each TASKER_SCHEMA, so that two fleets in a database never share
 * schedules. (Names of more than 45 characters are cut: two that begin with the same 45 get the same schema, whose owner is
 * then checked.)
 */
export function cronSchemaOf(schema: string): string {
  return `${schema.slice(0, MOST_BYTES - SUFFIX.length)}${SUFFIX}`;
}
