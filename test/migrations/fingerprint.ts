import type { TestDatabase } from '../support/test-database.ts';

/** What can differ between two schemas, one query each; the schema's name is $1. Order of columns counts, their numbers do not. */
const QUERIES: Readonly<Record<string, string>> = {
  relations: `
    SELECT c.relname, c.relkind, c.relpersistence, ARRAY(SELECT unnest(c.reloptions) ORDER BY 1) AS options, t.reloptions AS toast, a.amname, c.relacl::text,
      c.relrowsecurity, c.relreplident, pg_get_partkeydef(c.oid) AS partitioned, pg_get_expr(c.relpartbound, c.oid) AS bound,
      (SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid) AS part_of, c.relhastriggers, obj_description(c.oid, 'pg_class') AS comment
    FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
    WHERE c.relnamespace = to_regnamespace($1) ORDER BY c.relname`,
  columns: `
    SELECT c.relname, a.attname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum) AS place,
      format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) AS default_value, a.attidentity,
      a.attgenerated, a.attstorage, a.attcompression, a.attstattarget, a.attcollation, a.attoptions, a.attacl::text,
      col_description(a.attrelid, a.attnum) AS comment
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum`,
  constraints: `
    SELECT c.conrelid::regclass::text AS relation, c.conname, c.contype, pg_get_constraintdef(c.oid) AS definition, c.convalidated,
      c.condeferrable, obj_description(c.oid, 'pg_constraint') AS comment
    FROM pg_constraint c WHERE c.connamespace = to_regnamespace($1) ORDER BY 1, 2`,
  indexes: `
    SELECT pg_get_indexdef(i.indexrelid) AS definition, i.indisvalid, i.indisready, i.indisprimary, i.indisunique, i.indisclustered,
      i.indisreplident
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = to_regnamespace($1) ORDER BY c.relname`,
  views: `
    SELECT relname, pg_get_viewdef(oid) AS definition FROM pg_class
    WHERE relnamespace = to_regnamespace($1) AND relkind = 'v' ORDER BY 1`,
  sequences: `
    SELECT sequencename, data_type::text, start_value, min_value, max_value, increment_by, cycle, cache_size, last_value
    FROM pg_sequences WHERE schemaname = $1 ORDER BY 1`,
  others: `
    SELECT 'function' AS what, proname::text AS name, pg_get_functiondef(oid) AS definition FROM pg_proc
      WHERE pronamespace = to_regnamespace($1)
    UNION ALL SELECT 'trigger', t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
      WHERE c.relnamespace = to_regnamespace($1) AND NOT t.tgisinternal
    UNION ALL SELECT 'type', typname, typtype::text FROM pg_type
      WHERE typnamespace = to_regnamespace($1) AND typrelid = 0 AND typelem = 0
    UNION ALL SELECT 'statistics', stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxnamespace = to_regnamespace($1)
    UNION ALL SELECT 'policy', polname, pg_get_expr(polqual, polrelid) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
      WHERE c.relnamespace = to_regnamespace($1)
    ORDER BY 1, 2`,
};

/** Made anew by every database. */
const OWN = new Set(['applied_at', 'created_at', 'installation_id', 'secret']);

/** All that a schema consists of, as lines of text that are alike for schemas that are alike, whatever their names. */
export async function fingerprint(database: TestDatabase, schema: string): Promise<string[]> {
  const lines: string[] = [];
  const add = (what: string, row: Record<string, unknown>): void => {
    lines.push(`${what} ${JSON.stringify(row).replaceAll(schema, 'SCHEMA')}`);
  };
  for (const [what, text] of Object.entries(QUERIES))
    for (const row of await database.query(text, [schema])) add(what, row);
  const tables = await database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p') ORDER BY 1`,
    [schema],
  );
  for (const { name } of tables) {
    for (const { row } of await database.query<{ row: Record<string, unknown> }>(
      `SELECT to_jsonb(t) AS row FROM "${schema}"."${name}" t ORDER BY t::text COLLATE "C"`,
    )) {
      const times = (value: unknown): unknown => (/^\d{4}-\d\d-\d\dT/.test(String(value)) ? 'a time' : value);
      add(
        `row of ${name}`,
        Object.fromEntries(
          Object.entries(row).map(([column, value]) => [column, OWN.has(column) ? 'own' : times(value)]),
        ),
      );
    }
  }
  return lines;
}
