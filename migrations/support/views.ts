import { readFileSync } from 'node:fs';
import { type Kysely, sql } from 'kysely';
import { viewTexts } from './view-texts.ts';

/** Apart from its use: a bundler of a user's program would look for the files, which the package has as text. */
const HERE = import.meta.url;

/** The body (a SELECT) of one version of a view. A file is never edited once it was released. */
export function viewBody(name: string, version: number): string {
  return viewText(`${name}_v${String(version).padStart(2, '0')}`)
    .trimEnd()
    .replace(/;$/, '');
}

function viewText(name: string): string {
  // In the package: the files are part of its code, so that a bundle of it can migrate too.
  const texts: Readonly<Record<string, string>> | undefined = viewTexts;
  return texts?.[name] ?? readFileSync(new URL(`../views/${name}.sql`, HERE), 'utf8');
}

export async function createView(db: Kysely<unknown>, name: string, version: number): Promise<void> {
  await sql.raw(`CREATE VIEW tasker.${name} AS\n${viewBody(name, version)}`).execute(db);
}

/** Puts a version in place that has the same columns, or more at the end: views that read this one stay as they are. */
export async function replaceViewAlike(db: Kysely<unknown>, name: string, version: number): Promise<void> {
  await sql.raw(`CREATE OR REPLACE VIEW tasker.${name} AS\n${viewBody(name, version)}`).execute(db);
}

export async function dropView(db: Kysely<unknown>, name: string): Promise<void> {
  await sql.raw(`DROP VIEW tasker.${name}`).execute(db);
}

export interface ViewVersions {
  readiness: number;
  contexts: number;
  dag: number;
  summaries: number;
}

const NAMES = [
  ['readiness', 'tasker_step_readiness_statuses'],
  ['contexts', 'tasker_task_execution_contexts'],
  ['dag', 'tasker_step_dag_relationships'],
  ['summaries', 'tasker_task_workflow_summaries'],
] as const;

/**
 * Puts other versions in place: dropped from the last to the first, since later ones read earlier ones, and created in order.
 * CREATE OR REPLACE could not change columns. In one transaction, so that no reader sees a view missing.
 *
 * The locks come first, in the order in which readers take them (which includes the tables below, for an instant). Dropping
 * from the last to the first takes them in the reverse order: a reader that begins in between holds one view and waits for
 * another that this transaction holds, and with reads that never pause the migration would time out for ever.
 */
export async function replaceViews(db: Kysely<unknown>, versions: ViewVersions): Promise<void> {
  await sql
    .raw(`LOCK TABLE ${NAMES.map(([, name]) => `tasker.${name}`).join(', ')} IN ACCESS EXCLUSIVE MODE`)
    .execute(db);
  for (const [, name] of NAMES.toReversed()) await dropView(db, name);
  for (const [key, name] of NAMES) await createView(db, name, versions[key]);
}
