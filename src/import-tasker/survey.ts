import {
  readSourceGraphs,
  readSourceGraphsOfBoth,
  readSourceGraphsOfParents,
} from '../db/statements/imports/source.ts';
import { findTaken } from '../db/statements/imports/write-tasks.ts';
import { findNamedTask } from '../db/statements/workflows/register-workflow.ts';
import { FIRST_OTHER_PATCH } from '../engine/other-version.ts';
import { compareReadiness } from './compare-readiness.ts';
import { readClock } from './clock.ts';
import { waitForThoseThatEndedNow } from './import-ended.ts';
import { type ImportRun, mapAll, pages, workflowOf } from './import-run.ts';
import type { MappedTask, Mapping } from './mapped-task.ts';
import { phaseOf } from './phase.ts';
import { readTasks } from './read-tasks.ts';
import { selectedWorkflows } from './selected-workflows.ts';
import { graphOf } from './shape.ts';
import { read, type Source } from './source.ts';
import type { SourceTask } from './source-task.ts';
import type { SourceWorkflow } from './workflows.ts';

/** A graph that tasks of a workflow have, and one of them. */
export interface Shape {
  namedTaskId: number;
  version: string;
  tasks: number;
  openTasks: number;
  sample: MappedTask;
}

/**
 * Finds the graphs that the tasks of each workflow have. The one that most open tasks have gets the version of the workflow; each other
 * one gets a version of its own, so that no task keeps a worker from registering the definition that you have. `all`: also of workflows
 * whose version is here already; this reads all of their tasks.
 */
export async function findShapes(run: ImportRun, all: boolean): Promise<Shape[]> {
  const selected = selectedWorkflows(run.registry, run.options.only) ?? [...run.registry.workflows.keys()];
  const rows = await read(run.source, graphsOf(run.source), [
    { named_task_ids: all ? selected : await withoutVersion(run, selected) },
  ]);
  const samples = new Map(
    (
      await readTasks(
        run.source,
        rows.map((row) => row.sample_task_id),
      )
    ).map((task) => [task.id, task]),
  );
  const now = await readClock(run.db);
  const shapes = new Map<string, Shape>();
  for (const row of rows) {
    const sample = samples.get(row.sample_task_id);
    const [mapping] =
      sample === undefined ? [] : mapAll({ ...run, options: { ...run.options, inFlight: 'block' } }, [sample], now);
    if (mapping === undefined || !('task' in mapping)) continue;
    const workflow = run.registry.workflows.get(row.named_task_id);
    if (workflow === undefined) continue;
    const graph = graphOf(mapping.task.steps);
    workflow.mainGraph ??= graph;
    const key = `${row.named_task_id} ${graph}`;
    const shape = shapes.get(key) ?? {
      namedTaskId: row.named_task_id,
      version: versionOf(
        workflow,
        graph,
        [...shapes.values()].filter((known) => known.namedTaskId === row.named_task_id).length,
      ),
      tasks: 0,
      openTasks: 0,
      sample: mapping.task,
    };
    shape.tasks += row.tasks;
    shape.openTasks += row.open_tasks;
    shapes.set(key, shape);
  }
  return [...shapes.values()];
}

function graphsOf({ class: form, hasEdges }: Source): typeof readSourceGraphs {
  if (form !== 'A0') return readSourceGraphs;
  return hasEdges ? readSourceGraphsOfBoth : readSourceGraphsOfParents;
}

/** Workflows whose version is not here yet. That of the others has its graph already. */
async function withoutVersion({ db, registry }: ImportRun, namedTaskIds: readonly number[]): Promise<number[]> {
  const missing: number[] = [];
  for (const id of namedTaskIds) {
    const { namespace, name, version } = registry.workflows.get(id) as SourceWorkflow;
    const rows = await db.run(findNamedTask, { namespace, name, version });
    if (rows.length === 0) missing.push(id);
  }
  return missing;
}

function versionOf(
  { version, mainGraph }: { version: string; mainGraph?: string },
  graph: string,
  before: number,
): string {
  if (graph === mainGraph) return version;
  const [major, minor] = version.split('.');
  return `${major}.${minor}.${FIRST_OTHER_PATCH + before - 1}`;
}

/** Maps every task of the phase, compares open ones with what Tasker itself says of their steps, and writes nothing. */
export async function dryRun(run: ImportRun, shapes: readonly Shape[]): Promise<void> {
  const { phase, stopped } = run.options;
  const versions = new Map(
    shapes.map((shape) => [`${shape.namedTaskId} ${graphOf(shape.sample.steps)}`, shape.version]),
  );
  const identities = new Set<string>();
  for await (const page of pages(run)) {
    const tasks = page.filter((task) => phase === 'all' || phaseOf(task) === phase);
    const now = await readClock(run.db);
    const mapped = stopped ? mapAll(run, tasks, now) : waitForThoseThatEndedNow(run, tasks, now);
    const mappings = await withoutTaken(run, mapped, identities);
    const open = mappings.flatMap((mapping, index) =>
      'task' in mapping && mapping.task.phase === 'open'
        ? [{ source: tasks[index] as SourceTask, task: mapping.task }]
        : [],
    );
    await compareReadiness(run, open, now);
    for (const mapping of mappings) {
      if ('left' in mapping) run.tally.addLeft(mapping);
      else {
        const { task } = mapping;
        const version = versions.get(`${task.namedTaskId} ${graphOf(task.steps)}`);
        run.tally.addTask(task, workflowOf(run, task.namedTaskId, version));
      }
    }
    run.options.onProgress?.(tasks.length);
  }
}

/** As writing them would find: an identity that is taken here, or that an earlier task has by the same key. `seen` grows. */
async function withoutTaken({ db }: ImportRun, mappings: readonly Mapping[], seen: Set<string>): Promise<Mapping[]> {
  const hashes = mappings.flatMap((mapping) => ('task' in mapping ? [mapping.task.identityHash] : []));
  const rows = await db.run(findTaken, { task_ids: [], identity_hashes: hashes });
  const taken = new Set(rows.map((row) => row.identity_hash));
  return mappings.map((mapping) => {
    if ('left' in mapping) return mapping;
    const { sourceId, phase, identityHash, usesKey } = mapping.task;
    if (taken.has(identityHash) || seen.has(identityHash)) return { sourceId, phase, left: 'identity_taken' };
    // Those of Tasker are unique there.
    if (usesKey) seen.add(identityHash);
    return mapping;
  });
}
