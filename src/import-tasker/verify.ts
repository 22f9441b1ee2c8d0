import { createHash } from 'node:crypto';
import type { ImportedTaskRow } from '../db/statements/imports/books.ts';
import { readStoredTasks, type StoredTaskRow } from '../db/statements/imports/stored-tasks.ts';
import { readClock } from './clock.ts';
import { importedPages, type ImportRun, mapOptions } from './import-run.ts';
import { mapTask } from './map-task.ts';
import type { MappedTask } from './mapped-task.ts';
import { readTasks } from './read-tasks.ts';
import type { SourceTask } from './source-task.ts';

/**
 * Maps every imported task again and compares it with what is stored. Of a task that has gone on since, only what no step of it can
 * have changed: its input, its graph, and what was done before.
 */
export async function verify(run: ImportRun): Promise<void> {
  for await (const page of importedPages(run)) {
    const sources = await readTasks(
      run.source,
      page.map((row) => row.source_task_id),
    );
    const stored = await run.db.run(readStoredTasks, { task_ids: page.map((row) => row.task_id) });
    const now = await readClock(run.db);
    const sourceOf = new Map(sources.map((task) => [task.id, task]));
    const storedOf = new Map(stored.map((row) => [row.task_id, row]));
    for (const row of page) {
      run.tally.alreadyImported += 1;
      const source = sourceOf.get(row.source_task_id);
      const here = storedOf.get(row.task_id);
      const differences = compare(run, now, source, here, row.details);
      for (const difference of differences)
        run.tally.differences.push({ source_task_id: row.source_task_id, task_id: row.task_id, difference });
    }
    run.options.onProgress?.(page.length);
  }
}

function compare(
  run: ImportRun,
  now: number,
  source: SourceTask | undefined,
  here: StoredTaskRow | undefined,
  books: ImportedTaskRow['details'],
): string[] {
  if (here === undefined) return ['it is not here any more'];
  if (source === undefined) return ['it is not in Tasker any more'];
  // In the state in which it was taken over. Whether it was running then is in the books only.
  const mapping = mapTask(beforeHandOver(source, books.status), {
    ...mapOptions(run, now),
    inFlight: 'block',
    endedAnyway: books.edges_left_out !== undefined || books.without_steps === true,
  });
  if ('left' in mapping) return [`it could not be imported any more: ${mapping.left}`];
  const unchanged = here.sort_keys === books.sort_keys;
  return [...compareGraph(mapping.task, here), ...compareStates(mapping.task, here, unchanged)];
}

/** Without the row that the hand-over added. */
export function beforeHandOver(task: SourceTask, status: string | undefined): SourceTask {
  const isHandOver = task.history.at(-1)?.metadata?.includes('"adopted_by"') === true;
  return {
    ...task,
    history: isHandOver ? task.history.slice(0, -1) : task.history,
    status: status ?? task.status,
  };
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

function compareGraph(task: MappedTask, here: StoredTaskRow): string[] {
  const differences: string[] = [];
  if (md5(task.context) !== here.context_md5) differences.push('the input differs');
  const graph = (steps: readonly { name: string; parents: readonly string[] }[]): string =>
    steps
      .map(({ name, parents }) => `${name}<${parents.toSorted().join(',')}`)
      .toSorted()
      .join('|');
  if (graph(task.steps) !== graph(here.steps)) differences.push('its steps or their parents differ');
  return differences;
}

function compareStates(task: MappedTask, here: StoredTaskRow, unchanged: boolean): string[] {
  const differences: string[] = [];
  const stored = new Map(here.steps.map((step) => [step.name, step]));
  if (unchanged && here.state !== task.state) differences.push(`it is ${here.state} here, and would be ${task.state}`);
  for (const step of task.steps) {
    const own = stored.get(step.name);
    if (own === undefined) continue;
    const done = step.state === 'complete' || step.state === 'resolved_manually';
    if (!unchanged && !done) continue;
    if (own.state !== step.state)
      differences.push(`step ${step.name} is ${own.state} here, and would be ${step.state}`);
    if (unchanged && own.attempts !== step.attempts)
      differences.push(`step ${step.name} has ${own.attempts} attempts here, and would have ${step.attempts}`);
    if (done && (step.results === null ? null : md5(step.results)) !== own.results_md5)
      differences.push(`the result of step ${step.name} differs`);
  }
  return differences;
}
