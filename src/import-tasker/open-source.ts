import { type Database, type Executor, openDatabase } from '../db/connections/database.ts';
import { TaskerError } from '../errors.ts';
import { inSource } from '../db/statements/imports/in-source.ts';
import { readSourceFacts, type SourceFactsRow } from '../db/statements/imports/source.ts';
import { findTaskerSchemas } from '../db/statements/imports/tasker-schemas.ts';
import { nameOf, recognize, RELEASES, type TaskerSchema } from '../db/tasker-schemas.ts';
import type { CheckedOptions } from './options.ts';
import { hasTransitions, type Source } from './source.ts';

export interface OpenedSource {
  source: Source;
  facts: SourceFactsRow;
  warnings: string[];
  close(): Promise<void>;
}

/** Finds out what the source is, and refuses what cannot be imported. Writes nothing. */
export async function openSource(db: Database, options: CheckedOptions): Promise<OpenedSource> {
  const other =
    options.source === undefined
      ? undefined
      : openDatabase({ url: options.source, poolSize: 2, applicationName: 'tasker import' });
  const on: Executor = other ?? db;
  const close = async (): Promise<void> => other?.close();
  try {
    const form = await classOf(on, options.sourceSchema);
    const [facts] = await on.run(inSource(readSourceFacts, options.sourceSchema), {
      schema: options.sourceSchema,
      time_zone: options.timeZone,
    });
    const found = facts as SourceFactsRow;
    const source: Source = {
      schema: options.sourceSchema,
      class: form,
      timeZone: options.timeZone,
      label: `${found.database}/${options.sourceSchema}`,
      same: other === undefined,
      hasAnnotations: found.has_annotations,
      hasEdges: found.has_edges,
      keyPaths: new Map(),
      readiness: found.has_readiness_function ? 'function' : found.has_readiness_view ? 'view' : undefined,
      db: on,
    };
    refuseLiveHandOver(source, found, options);
    return { source, facts: found, warnings: warningsOf(source, found, options), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function refuse(message: string, details: Record<string, unknown> = {}): never {
  throw new TaskerError('IMPORT_REFUSED', message, details);
}

async function classOf(on: Executor, schema: string): Promise<Source['class']> {
  const found = (await on.run(findTaskerSchemas)).map(recognize);
  const one = found.find((row) => row.schema === schema);
  if (one?.kind === 'tasker' && one.class !== 'E') return one.class;
  const others = found.filter((row) => row.kind === 'tasker' && row.class !== 'E' && row.schema !== schema);
  const hint =
    others.length === 0
      ? 'give the schema of Tasker with --source-schema, and its database with --source'
      : `there is ${others.map((row) => `${nameOf(row)} in "${row.schema}"`).join(', ')}: name it with --source-schema`;
  return refuse(`schema "${schema}" ${whatElse(one)}; ${hint}`, { schema });
}

function whatElse(found: TaskerSchema | undefined): string {
  if (found === undefined) return 'has no tables of Tasker (Ruby)';
  if (found.kind === 'ours') return 'has the tables of Tasker Fleet itself';
  if (found.kind === 'unclear') return `has tables of Tasker (Ruby), but ${found.why}`;
  return 'has the tables of tasker-core, the successor of Tasker in Rust, from which there is no way in yet';
}

/** In one transaction a task is taken from Tasker and written here; what that rests on has to be there. */
function refuseLiveHandOver(source: Source, facts: SourceFactsRow, options: CheckedOptions): void {
  if (options.phase === 'ended' || options.stopped || options.dryRun || options.verify) return;
  const why = !source.same
    ? 'the source is another database, so that no transaction can take a task from there and write it here'
    : !hasTransitions(source)
      ? `Tasker ${RELEASES[source.class]} has no transitions, on whose rows a hand-over waits for its processes`
      : !facts.has_unique_most_recent || !facts.has_foreign_key
        ? 'the table tasker_task_transitions has lost its unique index on the most recent row or its foreign key, which keep Tasker from starting a task at the same moment'
        : facts.unknown_columns.length > 0
          ? `the table tasker_task_transitions has columns that must be given a value (${facts.unknown_columns.join(', ')})`
          : undefined;
  if (why === undefined) return;
  refuse(
    `open tasks cannot be taken over while Tasker runs: ${why}. Stop its processes, drop its queued jobs, and import with --tasker-stopped`,
  );
}

function warningsOf(source: Source, facts: SourceFactsRow, options: CheckedOptions): string[] {
  const warnings: string[] = [];
  const ago = facts.newest_seconds_ago;
  if (ago !== null && ago < -60)
    warnings.push(
      `the newest row of Tasker is ${Math.round(-ago / 60)} minutes in the future if its times are ${options.timeZone}: set --time-zone`,
    );
  if (ago !== null && ago < 300 && ago > -60 && options.stopped)
    warnings.push(
      'rows of Tasker are younger than five minutes although --tasker-stopped was given: make sure that none of its processes runs',
    );
  if (!hasTransitions(source) && !options.stopped)
    warnings.push('import before you upgrade Tasker to 2.0: that upgrade throws the states of steps and tasks away');
  if (hasTransitions(source) && !facts.has_unique_most_recent)
    warnings.push('the unique index on most_recent is missing: the row with the highest sort key counts');
  return warnings;
}
