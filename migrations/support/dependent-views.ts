import { type Kysely, sql } from 'kysely';

interface DependentView {
  /** Qualified and quoted. */
  name: string;
  kind: 'v' | 'm';
  definition: string;
  options: string[] | null;
  comment: string | null;
  owner: string;
  grants: string[] | null;
}

/**
 * Does `work` while no view depends on these tables, and then makes the views again as they were, in the same transaction, so that
 * nobody sees them missing. A view depends on a table by its oid: if another table takes the name, views go on reading the one that had
 * it. So this also holds for views that others made, in whichever schema.
 *
 * The locks come first, as in `replaceViews`: LOCK on a view locks the tables below it as well.
 */
export async function withoutViewsOf(
  db: Kysely<unknown>,
  tables: readonly string[],
  work: () => Promise<void>,
): Promise<void> {
  const found = await dependentViews(db, tables);
  if (found.length > 0)
    await sql.raw(`LOCK TABLE ${found.map(({ name }) => name).join(', ')} IN ACCESS EXCLUSIVE MODE`).execute(db);
  await sql
    .raw(`LOCK TABLE ${tables.map((table) => `tasker.${table}`).join(', ')} IN ACCESS EXCLUSIVE MODE`)
    .execute(db);
  // Again: one may have been made before the locks were there.
  const views = await dependentViews(db, tables);
  for (const { name } of views.toReversed()) await sql.raw(`DROP VIEW ${name}`).execute(db);
  await work();
  for (const view of views) await remake(db, view);
}

/** Every view that reads one of the tables, directly or through others; a view comes after those that it reads. */
async function dependentViews(db: Kysely<unknown>, tables: readonly string[]): Promise<DependentView[]> {
  const oids = tables.map((table) => `'tasker.${table}'::regclass`).join(', ');
  const { rows } = await sql<DependentView>`
    WITH RECURSIVE dependent AS (
      SELECT r.ev_class AS oid, 1 AS depth
      FROM pg_depend d
      JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
      WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid IN (${sql.raw(oids)}) AND r.ev_class <> d.refobjid
      UNION
      SELECT r.ev_class, p.depth + 1
      FROM dependent p
      JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = p.oid
      JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
      WHERE r.ev_class <> d.refobjid
    )
    SELECT format('%I.%I', n.nspname, c.relname) AS name, c.relkind AS kind, pg_get_viewdef(c.oid) AS definition,
      c.reloptions AS options, obj_description(c.oid, 'pg_class') AS comment, format('%I', pg_get_userbyid(c.relowner)) AS owner,
      ${sql.raw(grantsOf('c'))} AS grants
    FROM (SELECT oid, max(depth) AS depth FROM dependent GROUP BY oid) d
    JOIN pg_class c ON c.oid = d.oid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    ORDER BY d.depth, c.relname`.execute(db);
  const materialized = rows.filter(({ kind }) => kind === 'm').map(({ name }) => name);
  if (materialized.length > 0) {
    throw new Error(
      `materialized ${materialized.length === 1 ? 'view' : 'views'} ${materialized.join(', ')} read tables that this migration replaces: drop ${materialized.length === 1 ? 'it' : 'them'}, migrate, and create ${materialized.length === 1 ? 'it' : 'them'} again`,
    );
  }
  return rows;
}

async function remake(db: Kysely<unknown>, view: DependentView): Promise<void> {
  const options = view.options === null ? '' : ` WITH (${view.options.join(', ')})`;
  await sql.raw(`CREATE VIEW ${view.name}${options} AS ${view.definition}`).execute(db);
  if (view.comment !== null) await sql`COMMENT ON VIEW ${sql.raw(view.name)} IS ${sql.lit(view.comment)}`.execute(db);
  await sql.raw(`ALTER VIEW ${view.name} OWNER TO ${view.owner}`).execute(db);
  for (const grant of view.grants ?? []) await sql.raw(grant.replace('%TABLE%', view.name)).execute(db);
}

/** SQL: the rights that were granted on the relation `alias` of pg_class, as statements in which %TABLE% stands for its name. */
export const grantsOf = (alias: string): string => `(
  SELECT array_agg(format('GRANT %s ON %%TABLE%% TO %s%s', a.privilege_type,
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
    CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END))
  FROM aclexplode(${alias}.relacl) a
  WHERE a.grantee <> ${alias}.relowner)`;
