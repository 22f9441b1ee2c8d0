/**
 * What differs between libraries in the values that they take and in the rows that they return. Statements and their callers know one
 * form, that of pg.
 */

/** Columns of type bigint: text, as pg returns them. */
const BIGINTS = new Set(['task_id', 'former_id', 'workflow_step_id', 'worker_id']);
/** Columns of type bigint[]. */
const BIGINT_ARRAYS = new Set(['children']);

/** Texts, numbers, booleans and nulls: libraries that guess a type from a value agree about these. */
export function callersValues(values: readonly unknown[]): unknown[] {
  return values.map((value) => (value instanceof Date ? value.toISOString() : (value ?? null)));
}

/**
 * Rows as pg returns them. A library may have renamed the columns (plugins for camel case), and return a bigint as a BigInt or, with a
 * parser of the caller's, as a number.
 */
export function callersRows(rows: readonly unknown[]): Record<string, unknown>[] {
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row as Record<string, unknown>).map(([name, value]) => {
        const column = snakeCase(name);
        return [column, columnValue(column, value)];
      }),
    ),
  );
}

function columnValue(column: string, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (BIGINTS.has(column)) return String(value as string | number | bigint);
  if (!BIGINT_ARRAYS.has(column)) return value;
  // postgres.js returns the literal of an array if it does not fetch the types of the database.
  const elements = typeof value === 'string' ? value.replaceAll(/[{}]/g, '').split(',').filter(Boolean) : value;
  return (elements as readonly unknown[]).map(String);
}

/** `taskId`, `TaskId` and `task-id` are `task_id`. */
function snakeCase(name: string): string {
  return name
    .replaceAll('-', '_')
    .replaceAll(/(?<!^|_)[A-Z]/g, '_$&')
    .toLowerCase();
}
