import type { Pool } from 'pg';

/** Only their syntax can be checked without running them. */
const UTILITY = /^(ALTER|ANALYZE|CREATE|DROP|GRANT|REVOKE|VACUUM|SET|RESET|SHOW|BEGIN|COMMIT|ROLLBACK|EXPLAIN|DO)\b/i;

/** What the server has against the statements of a block. It runs none of them but those that make temporary tables for others. */
export async function checkSql(pool: Pool, block: string): Promise<string[]> {
  const problems: string[] = [];
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    for (const statement of statementsOf(block)) {
      await client.query('SAVEPOINT checked');
      await client.query(checkOf(statement)).catch(async (error: Error) => {
        problems.push(`${error.message} in: ${statement}`);
        await client.query('ROLLBACK TO checked');
      });
    }
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
  return problems;
}

function checkOf(statement: string): string {
  if (/^CREATE TEMP/i.test(statement)) return statement;
  if (UTILITY.test(statement)) return `DO $check$ BEGIN RETURN; ${statement}; END $check$`;
  return `PREPARE checked AS ${statement}; DEALLOCATE checked`;
}

/** Split at the semicolons outside of quotes; without comments and psql's own commands. */
function statementsOf(block: string): string[] {
  const statements = [''];
  for (const [token] of block
    .replaceAll(/^\\.*$/gm, '')
    .matchAll(/--.*|'(?:[^']|'')*'|\$(\w*)\$[\s\S]*?\$\1\$|;|[^;'$-]+|[-$]/g)) {
    if (token === ';') statements.push('');
    else if (!token.startsWith('--')) statements.push((statements.pop() ?? '') + token);
  }
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '');
}
