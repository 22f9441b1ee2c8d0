import type { Client } from 'pg';

export interface TableRow {
  oid: string;
  name: string;
  kind: 'r' | 'p' | 'v';
  /** How it is partitioned. */
  partitioned: string | null;
  /** Of a partition: its table and its range. */
  part_of: string | null;
  options: string[] | null;
  comment: string | null;
  view: string | null;
}

export interface ColumnRow {
  relid: string;
  name: string;
  type: string;
  not_null: boolean;
  /** The name of that constraint if it is another than PostgreSQL would give it; before 18 it has none. */
  not_null_name: string | null;
  default: string | null;
  identity: '' | 'a' | 'd';
  comment: string | null;
}

export interface DefinitionRow {
  relid: string;
  name: string;
  definition: string;
}

const RELATIONS = `
SELECT c.oid::text AS oid, c.relname AS name, c.relkind AS kind, c.reloptions AS options, pg_get_partkeydef(c.oid) AS partitioned,
  (SELECT i.inhparent::regclass || ' ' || pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i WHERE i.inhrelid = c.oid) AS part_of,
  obj_description(c.oid, 'pg_class') AS comment,
  CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END AS view
FROM pg_class c
WHERE c.relnamespace = to_regnamespace($1)::oid AND c.relkind IN ('r', 'p', 'v')
ORDER BY c.relkind = 'v', c.relname`;

const COLUMNS = `
SELECT a.attrelid::text AS relid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
  a.attnotnull AS not_null,
  (SELECT n.conname FROM pg_constraint n
   WHERE n.conrelid = a.attrelid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum]
     AND n.conname <> left(c.relname || '_' || a.attname || '_not_null', 63)) AS not_null_name, pg_get_expr(d.adbin, d.adrelid) AS default, a.attidentity AS identity,
  col_description(a.attrelid, a.attnum) AS comment
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = to_regnamespace($1)::oid AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`;

/** NOT NULL ('n') is shown with the column. The definition of a constraint that is not validated contains NOT VALID. */
const CONSTRAINTS = `
SELECT c.conrelid::text AS relid, c.conname AS name, pg_get_constraintdef(c.oid) AS definition
FROM pg_constraint c
WHERE c.connamespace = to_regnamespace($1)::oid AND c.contype <> 'n'
ORDER BY c.conrelid, position(c.contype IN 'pufc'), c.conname`;

/** Indexes that a constraint owns are shown as the constraint. */
const INDEXES = `
SELECT i.indrelid::text AS relid, c.relname AS name,
  pg_get_indexdef(c.oid) || CASE WHEN i.indisvalid THEN '' ELSE ' /* invalid */' END AS definition
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = to_regnamespace($1)::oid
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
ORDER BY i.indrelid, c.relname`;

/**
 * The whole schema as SQL text, from the catalogues: tables in order of their names with constraints, indexes, storage
 * parameters and comments, then views. The same schema gives the same text, whatever its name and the order in which it was
 * made, on PostgreSQL 18: other versions print views differently.
 */
export async function dumpSchema(client: Pick<Client, 'query'>, schema = 'tasker'): Promise<string> {
  const { relations, ...parts } = await readSchema(client, schema);
  const text = relations
    .map((relation) =>
      relation.kind === 'v'
        ? `CREATE VIEW ${schema}.${relation.name} AS\n${(relation.view as string).trimEnd()}\n`
        : tableText(schema, relation, parts),
    )
    .join('\n');
  return schema === 'tasker' ? text : text.replaceAll(new RegExp(`"?\\b${schema}\\b"?\\.`, 'g'), 'tasker.');
}

/** What the catalogues say about a schema. */
export interface SchemaParts {
  readonly columns: readonly ColumnRow[];
  readonly constraints: readonly DefinitionRow[];
  readonly indexes: readonly DefinitionRow[];
}

export async function readSchema(
  client: Pick<Client, 'query'>,
  schema: string,
): Promise<SchemaParts & { readonly relations: readonly TableRow[] }> {
  // With an empty search path every name is printed qualified.
  await client.query(`SELECT set_config('search_path', 'pg_catalog', false)`);
  try {
    return {
      relations: (await client.query<TableRow>(RELATIONS, [schema])).rows,
      columns: (await client.query<ColumnRow>(COLUMNS, [schema])).rows,
      constraints: (await client.query<DefinitionRow>(CONSTRAINTS, [schema])).rows,
      indexes: (await client.query<DefinitionRow>(INDEXES, [schema])).rows,
    };
  } finally {
    await client.query('RESET search_path');
  }
}

export const partsOf = <Row extends { relid: string }>(rows: readonly Row[], relation: TableRow): Row[] =>
  rows.filter((row) => row.relid === relation.oid);

/** A table with its indexes, then its comments. */
export function tableText(schema: string, table: TableRow, parts: SchemaParts): string {
  const [columns, constraints, indexes] = [
    partsOf(parts.columns, table),
    partsOf(parts.constraints, table),
    partsOf(parts.indexes, table),
  ];
  const lines = [
    ...columns.map(columnText),
    ...constraints.map(({ name, definition }) => `  CONSTRAINT ${name} ${definition}`),
  ];
  const options =
    table.options === null
      ? ''
      : ` WITH (\n${table.options
          .toSorted()
          .map((o) => `  ${o.replace('=', ' = ')}`)
          .join(',\n')}\n)`;
  if (table.part_of !== null) {
    // Its columns, key and comments are those of the table that it is a part of.
    const [parent, ...bound] = table.part_of.split(' ');
    const checks = constraints.filter(({ definition }) => definition.startsWith('CHECK'));
    const own = checks.map(({ name, definition }) => `  CONSTRAINT ${name} ${definition}`).join(',\n');
    return `CREATE TABLE ${schema}.${table.name} PARTITION OF ${parent} (\n${own}\n) ${bound.join(' ')}${options};\n`;
  }
  const by = table.partitioned === null ? '' : ` PARTITION BY ${table.partitioned}`;
  return [
    `CREATE TABLE ${schema}.${table.name} (\n${lines.join(',\n')}\n)${by}${options};`,
    ...indexes.map(({ definition }) => `${definition};`),
    ...commentTexts(schema, table, columns),
    '',
  ].join('\n');
}

export function commentTexts(schema: string, table: TableRow, columns: readonly ColumnRow[]): string[] {
  return [
    ...commentText(`TABLE ${schema}.${table.name}`, table.comment),
    ...columns.flatMap(({ name, comment }) => commentText(`COLUMN ${schema}.${table.name}.${name}`, comment)),
  ];
}

function commentText(what: string, comment: string | null): string[] {
  return comment === null ? [] : [`COMMENT ON ${what} IS '${comment.replaceAll("'", "''")}';`];
}

function columnText({
  name,
  type,
  not_null: notNull,
  not_null_name: named,
  default: value,
  identity,
}: ColumnRow): string {
  return [
    `  ${name} ${type}`,
    ...(identity === '' ? [] : [`GENERATED ${identity === 'a' ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY`]),
    ...(value === null ? [] : [`DEFAULT ${value}`]),
    ...(notNull ? [named === null ? 'NOT NULL' : `CONSTRAINT ${named} NOT NULL`] : []),
  ].join(' ');
}
