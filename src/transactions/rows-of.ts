/**
 * The rows in what a library returns for raw SQL: themselves in an array (postgres.js, Prisma), the result of pg with its `rows` (Knex,
 * Drizzle), or rows and their number (TypeORM, after an UPDATE or DELETE).
 */
export function rowsOf(result: unknown): unknown[] {
  if (!Array.isArray(result)) return ((result as { rows?: unknown[] } | undefined)?.rows ?? []) as unknown[];
  const [first, count] = result as unknown[];
  return result.length === 2 && Array.isArray(first) && typeof count === 'number' ? first : (result as unknown[]);
}
