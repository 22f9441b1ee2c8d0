/** A statement of several steps: named CTEs in the order in which they are to be read, and what the last of them is read for. */
export const withCtes = (ctes: readonly string[], main: string): string => `
WITH ${ctes.join(', ')}
${main}`;

/**
 * A condition that is true, and not before the CTE has been executed to its end. PostgreSQL starts a CTE when something reads it, so an
 * order of locks between CTEs has to be an order in which they read each other.
 */
export const after = (cte: string): string => `(SELECT count(*) FROM ${cte}) >= 0`;
