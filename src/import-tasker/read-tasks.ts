import type { Executor } from '../db/connections/database.ts';
import {
  readSourceAnnotations,
  readSourceEdges,
  readSourceKeys,
  readSourceSteps,
  readSourceStepsWithParent,
  readSourceStepsWithStatus,
  readSourceStepTransitions,
  readSourceTasks,
  readSourceTasksWithStatus,
  readSourceTaskTransitions,
  type SourceEdgeRow,
  type SourceStepRow,
  type SourceTaskRow,
  type SourceTransitionRow,
} from '../db/statements/imports/source-tasks.ts';
import { hasTransitions, read, type Source } from './source.ts';
import type { SourceStep, SourceTask, SourceTransition } from './source-task.ts';

/** Reads whole tasks, in the order of their ids; those that are gone are left out. */
export async function readTasks(source: Source, taskIds: readonly string[], on?: Executor): Promise<SourceTask[]> {
  const given = { task_ids: taskIds, time_zone: source.timeZone };
  const tasks = await read(source, hasTransitions(source) ? readSourceTasks : readSourceTasksWithStatus, [given], on);
  const steps = await read(source, stepsOf(source), [given], on);
  const stepIds = steps.map((step) => step.workflow_step_id);
  const edges = source.hasEdges ? await read(source, readSourceEdges, [{ step_ids: stepIds }], on) : [];
  const histories = (ids: readonly string[]) => ({ ids, time_zone: source.timeZone });
  const stepHistory = hasTransitions(source)
    ? await read(source, readSourceStepTransitions, [histories(stepIds)], on)
    : [];
  const taskHistory = hasTransitions(source)
    ? await read(source, readSourceTaskTransitions, [histories(taskIds)], on)
    : [];
  const annotations = source.hasAnnotations
    ? await read(source, readSourceAnnotations, [{ task_ids: taskIds }], on)
    : [];
  const { keyPaths } = source;
  const keys =
    keyPaths.size === 0
      ? []
      : await read(
          source,
          readSourceKeys,
          [{ task_ids: taskIds, named_task_ids: [...keyPaths.keys()], paths: [...keyPaths.values()] }],
          on,
        );
  const rows = {
    keys: new Map(keys.map((row) => [row.task_id, row.key])),
    edges: Map.groupBy(edges, (row) => row.to_step_id),
    stepHistory: Map.groupBy(stepHistory, (row) => row.of_id),
    taskHistory: Map.groupBy(taskHistory, (row) => row.of_id),
    steps: Map.groupBy(steps, (row) => row.task_id),
    annotations: Map.groupBy(annotations, (row) => row.task_id),
  };
  return tasks.map((task) => toTask(task, rows));
}

function stepsOf({ class: form }: Source): typeof readSourceSteps {
  if (form === 'A0') return readSourceStepsWithParent;
  return form === 'A' ? readSourceStepsWithStatus : readSourceSteps;
}

interface Rows {
  keys: ReadonlyMap<string, string | null>;
  edges: Map<string, SourceEdgeRow[]>;
  stepHistory: Map<string, SourceTransitionRow[]>;
  taskHistory: Map<string, SourceTransitionRow[]>;
  steps: Map<string, SourceStepRow[]>;
  annotations: Map<string, { name: string; annotation: string | null }[]>;
}

function toTask(row: SourceTaskRow, rows: Rows): SourceTask {
  const steps = rows.steps.get(row.task_id) ?? [];
  const edges = steps.flatMap((step) => rows.edges.get(step.workflow_step_id) ?? []);
  const known = new Set(steps.map((step) => step.workflow_step_id));
  const parents = steps.filter((step) => step.depends_on_step_id !== null).map((step) => step.depends_on_task_id);
  const ends = [...edges.map((edge) => edge.from_task_id), ...parents];
  return {
    id: row.task_id,
    namedTaskId: row.named_task_id,
    complete: row.complete,
    requestedAt: toNumber(row.requested_at),
    initiator: row.initiator,
    sourceSystem: row.source_system,
    reason: row.reason,
    bypassSteps: row.bypass_steps,
    tags: row.tags,
    context: row.context,
    identityHash: row.identity_hash,
    key: rows.keys.get(row.task_id),
    status: row.status,
    history: toHistory(rows.taskHistory.get(row.task_id)),
    steps: steps.map((step) => toStep(step, rows, known)),
    annotations: rows.annotations.get(row.task_id) ?? [],
    outside: ends.filter((taskId) => taskId !== null && taskId !== row.task_id).length,
    orphans: ends.filter((taskId) => taskId === null).length,
    otherEdges: edges.filter((edge) => edge.name !== 'provides').length,
  };
}

function toStep(row: SourceStepRow, rows: Rows, known: ReadonlySet<string>): SourceStep {
  const parents = (rows.edges.get(row.workflow_step_id) ?? []).map((edge) => edge.from_step_id);
  if (row.depends_on_step_id !== null) parents.push(row.depends_on_step_id);
  return {
    id: row.workflow_step_id,
    name: row.name,
    retryable: row.retryable,
    retryLimit: row.retry_limit,
    attempts: row.attempts,
    inProcess: row.in_process,
    processed: row.processed,
    processedAt: toNumber(row.processed_at),
    lastAttemptedAt: toNumber(row.last_attempted_at),
    backoffSeconds: row.backoff_request_seconds,
    inputs: row.inputs,
    results: row.results,
    skippable: row.skippable,
    status: row.status,
    history: toHistory(rows.stepHistory.get(row.workflow_step_id)),
    parents: [...new Set(parents)].filter((parent) => known.has(parent)),
  };
}

const toHistory = (rows: readonly SourceTransitionRow[] = []): SourceTransition[] =>
  rows.map((row) => ({
    sortKey: row.sort_key,
    to: row.to_state,
    mostRecent: row.most_recent,
    at: toNumber(row.created_at) ?? 0,
    metadata: row.metadata,
  }));

const toNumber = (text: string | null): number | null => (text === null ? null : Number(text));
