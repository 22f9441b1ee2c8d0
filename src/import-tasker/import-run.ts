import type { Database } from '../db/connections/database.ts';
import { findImported, type ImportedTaskRow, pageOfImported } from '../db/statements/imports/books.ts';
import { pageOfSourceTasks } from '../db/statements/imports/source.ts';
import { type MapOptions, mapTask } from './map-task.ts';
import type { Mapping } from './mapped-task.ts';
import type { CheckedOptions } from './options.ts';
import { readTasks } from './read-tasks.ts';
import type { Tally } from './report.ts';
import { selectedWorkflows } from './selected-workflows.ts';
import { read, type Source } from './source.ts';
import type { SourceTask } from './source-task.ts';
import type { Registry, SourceWorkflow } from './workflows.ts';
import type { Books } from './write-tasks.ts';

/** What the parts of one import share. */
export interface ImportRun {
  readonly db: Database;
  readonly source: Source;
  readonly registry: Registry;
  readonly options: CheckedOptions;
  readonly tally: Tally;
  readonly books: Books;
}

/** Pages of tasks of the source in the order of their ids, without those that are here already, which are counted if `counts`. */
export async function* pages(run: ImportRun, counts = true): AsyncGenerator<SourceTask[]> {
  const { source, options, registry } = run;
  const selected = selectedWorkflows(registry, options.only);
  let after = '0';
  for (;;) {
    const ids = await read(source, pageOfSourceTasks, [
      {
        after,
        named_task_ids: selected,
        task_ids: options.tasks.length === 0 ? null : options.tasks,
        since: options.since ?? null,
        time_zone: source.timeZone,
        page: options.batch,
      },
    ]);
    const last = ids.at(-1)?.task_id;
    if (last === undefined) return;
    after = last;
    const all = ids.map((row) => row.task_id);
    const known = new Set(
      (await run.db.run(findImported, { source: source.label, task_ids: all })).map((row) => row.source_task_id),
    );
    if (counts) run.tally.alreadyImported += known.size;
    const wanted = all.filter((id) => !known.has(id));
    if (wanted.length > 0) yield await readTasks(source, wanted);
  }
}

/** Pages of the tasks that earlier runs imported from this source. */
export async function* importedPages(run: ImportRun): AsyncGenerator<ImportedTaskRow[]> {
  const { source, options } = run;
  for (let after = '0'; ;) {
    const page = await run.db.run(pageOfImported, {
      source: source.label,
      after,
      task_ids: options.tasks.length === 0 ? null : options.tasks,
      page: options.batch,
    });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.source_task_id;
  }
}

const MICROSECONDS = 1_000_000;

/** `now`: by the clock of the database. */
export function mapOptions(run: ImportRun, now: number): MapOptions {
  return {
    now,
    nameOf: run.registry.names.stepNameOf,
    inFlight: run.options.inFlight,
    inFlightAge: run.options.inFlightAgeSeconds * MICROSECONDS,
    honourBypass: run.options.honourBypass,
    endedAnyway: run.options.endedAnyway,
    workflowOf: (id) => run.registry.workflows.get(id) as SourceWorkflow,
  };
}

export const mapAll = (run: ImportRun, tasks: readonly SourceTask[], now: number): Mapping[] =>
  tasks.map((task) => mapTask(task, mapOptions(run, now)));

/** The workflow of a task for the report. */
export function workflowOf(
  run: ImportRun,
  namedTaskId: number,
  version?: string,
): { workflow: string; version: string; from: string } {
  const found = run.registry.workflows.get(namedTaskId) as SourceWorkflow;
  return { workflow: `${found.namespace}/${found.name}`, version: version ?? found.version, from: found.sourceName };
}
