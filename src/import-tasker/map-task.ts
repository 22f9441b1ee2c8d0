import { findDagProblems, MAX_EDGES, MAX_STEPS } from '../workflow/analyze-dag.ts';
import type { WorkflowName } from '../workflow/definition.ts';
import { identityOfKey, keyProblem } from '../workflow/identity.ts';
import { isFinal, type State } from '../workflow/states.ts';
import { tagsOf } from './annotations.ts';
import { decideSteps, type InFlight } from './decide-steps.ts';
import { addRow, addUpTo, isDone, isState, stateOf, taskHistory } from './history.ts';
import { mapStep } from './map-steps.ts';
import type { MappedStep, MappedTask, Mapping, Reason } from './mapped-task.ts';
import { oneStepPerName } from './one-step-per-name.ts';
import { isRunning, phaseOf } from './phase.ts';
import type { SourceTask } from './source-task.ts';
import { withoutBadEdges } from './without-bad-edges.ts';

export interface MapOptions {
  /** Microseconds since 1970, by the clock of the database. */
  now: number;
  nameOf: (name: string) => string;
  inFlight: InFlight;
  /** A running task without a change for this long has no job any more. Microseconds. */
  inFlightAge: number;
  /** Whether open tasks skip the steps in their `bypass_steps`, which Tasker (Ruby) never did. */
  honourBypass: boolean;
  /** Whether tasks that have ended come without the edges for which they would be left out, and if they have no steps. */
  endedAnyway: boolean;
  /** The workflow of a named task here. */
  workflowOf: (namedTaskId: number) => Pick<WorkflowName, 'namespace' | 'name'>;
}

/** What becomes of a task here, or why it is left out. Reads and writes nothing. */
export function mapTask(task: SourceTask, options: MapOptions): Mapping {
  const phase = phaseOf(task);
  const left = (reason: Reason, detail?: string): Mapping => ({
    sourceId: task.id,
    phase,
    left: reason,
    ...(detail === undefined ? {} : { detail }),
  });
  const merged = oneStepPerName(task.steps, options.nameOf, options.now);
  const anyway = options.endedAnyway && phase === 'ended';
  if (merged.kept.length === 0 && !anyway) return left('no_steps');
  if (task.outside > 0 && !anyway) return left('other_task');
  if (task.steps.some((step) => step.parents.includes(step.id)) && !anyway) return left('self_edge');
  const nameById = new Map(merged.kept.map((step) => [step.id, options.nameOf(step.name)]));
  const drawn = merged.kept.map((step) => ({
    name: nameById.get(step.id) as string,
    dependsOn: step.parents.map((parent) => nameById.get(parent) as string).toSorted(),
  }));
  const { nodes, leftOut } = anyway ? withoutBadEdges(drawn) : { nodes: drawn, leftOut: [] };
  const edges = nodes.reduce((sum, node) => sum + node.dependsOn.length, 0);
  if (nodes.length > MAX_STEPS || edges > MAX_EDGES)
    return left('too_large', `${nodes.length} steps and ${edges} edges`);
  const [problem] = nodes.length === 0 ? [] : findDagProblems(nodes);
  if (problem !== undefined) return left('cycle', problem.message);

  const { rows: history, unknown, newestUnknown } = taskHistory(task.history, options.now);
  if (newestUnknown !== undefined) return left('unknown_state', `the task is "${newestUnknown}"`);
  const requestedAt = Math.min(task.requestedAt ?? options.now, options.now);
  const context = task.context ?? '{}';
  const notes = unknown.map(() => 'unknown_states_left_out');
  const pairs: { source: (typeof merged.kept)[number]; step: MappedStep }[] = [];
  for (const [index, source] of merged.kept.entries()) {
    const mapped = mapStep(source, [...(nodes[index]?.dependsOn ?? [])], { ...options, requestedAt, context });
    if (mapped.unknown !== undefined) return left('unknown_state', `step ${mapped.mapped.name} is "${mapped.unknown}"`);
    notes.push(...mapped.notes);
    pairs.push({ source, step: mapped.mapped });
  }
  const steps = pairs.map(({ step }) => step);
  if (taskFlags(history, task, steps, requestedAt)) notes.push('states_from_flags');
  const running = isRunning(task, steps);
  if (
    phase === 'open' &&
    running &&
    options.inFlight === 'wait' &&
    newestChange(task) > options.now - options.inFlightAge
  )
    return left('in_flight');
  if (running && phase === 'open') notes.push('was_running');

  decideSteps(pairs, { taskState: stateOf(history), now: options.now, inFlight: options.inFlight });
  const state = decideTask(history, steps, requestedAt);
  if (merged.left.length > 0) notes.push('steps_of_one_name_merged');
  if (task.orphans > 0) notes.push('edges_without_a_step_left_out');
  if (task.otherEdges > 0) notes.push('edges_of_other_names');
  if (task.context === null) notes.push('context_was_null');
  const outside = anyway ? task.outside : 0;
  if (leftOut.length + outside > 0) notes.push('bad_edges_left_out');
  if (steps.length === 0) notes.push('without_steps');
  const made = { phase, state, history, steps, context, notes };
  const details = {
    ...(merged.left.length === 0 ? {} : { merged_steps: merged.left }),
    ...(steps.length === 0 ? { without_steps: true } : {}),
    ...(leftOut.length + outside === 0 ? {} : { edges_left_out: leftOut, edges_from_other_tasks: outside }),
  };
  return { task: whole(task, { ...made, details }, options) };
}

function whole(
  task: SourceTask,
  made: Pick<MappedTask, 'phase' | 'state' | 'history' | 'steps' | 'context' | 'notes' | 'details'>,
  options: MapOptions,
): MappedTask {
  const bypass =
    task.bypassSteps === null || ['null', '[]'].includes(task.bypassSteps.trim()) ? null : task.bypassSteps;
  const keepsBypass = bypass !== null && (made.phase === 'ended' || options.honourBypass);
  if (bypass !== null && !keepsBypass) made.notes.push('bypass_steps_not_honoured');
  const { tags, annotations } = tagsOf(task);
  return {
    ...made,
    sourceId: task.id,
    namedTaskId: task.namedTaskId,
    requestedAt: task.requestedAt,
    completedAt: isFinal(made.state) ? (made.history.at(-1)?.at ?? null) : null,
    initiator: task.initiator,
    sourceSystem: task.sourceSystem,
    reason: task.reason,
    bypassSteps: keepsBypass ? bypass : null,
    tags,
    ...identityOf(task, made, options),
    details: {
      ...made.details,
      ...(bypass === null || keepsBypass ? {} : { bypass_steps: JSON.parse(bypass) as unknown }),
      ...(annotations.length === 0 ? {} : { annotations }),
      ...(task.status === null ? {} : { status: task.status }),
    },
  };
}

/** An open task gets the identity that a submit with its key has here, so that a repeated one finds it. */
function identityOf(
  { key, identityHash, namedTaskId }: SourceTask,
  { phase, notes }: Pick<MappedTask, 'phase' | 'notes'>,
  { workflowOf }: MapOptions,
): Pick<MappedTask, 'identityHash' | 'usesKey'> {
  if (phase === 'ended' || key === undefined) return { identityHash, usesKey: false };
  if (keyProblem(key) === undefined)
    return { identityHash: identityOfKey(workflowOf(namedTaskId), key as string), usesKey: true };
  notes.push('identity_without_a_key');
  return { identityHash, usesKey: false };
}

/** Returns whether something other than the history decided. */
function taskFlags(
  history: MappedTask['history'],
  task: SourceTask,
  steps: readonly MappedStep[],
  requestedAt: number,
): boolean {
  const before = history.length;
  const ends = steps.map((step) => step.processedAt ?? 0);
  const times = { begun: requestedAt, ended: Math.max(requestedAt, ...ends) };
  if (task.status !== null && history.length === 0 && isState(task.status))
    addUpTo(history, task.status, times, { column: 'status' });
  const state = stateOf(history);
  if (task.complete && (state === 'pending' || state === 'in_progress'))
    addUpTo(history, 'complete', times, { flag: 'complete' });
  return history.length > before && task.status === null;
}

/** The state of the task by what became of its steps, with the rows that lead to it. */
function decideTask(history: MappedTask['history'], steps: readonly MappedStep[], requestedAt: number): State {
  const times = steps.flatMap((step) => step.history.map((row) => row.at));
  const last = Math.max(requestedAt, ...times);
  const begun = steps.some((step) => step.state !== 'pending' || step.attempts > 0);
  if (stateOf(history) === 'pending' && begun)
    addRow(history, 'in_progress', Math.min(...times, last), { why: 'a step of it had begun' });
  if (!isFinal(stateOf(history)) && steps.every((step) => isDone(step.state)))
    addUpTo(history, 'complete', { begun: last, ended: last }, { why: 'all of its steps were done' });
  const goesOn = steps.some((step) => step.isReady || step.nextRetryAt !== null);
  if (stateOf(history) === 'in_progress' && !goesOn && steps.some((step) => step.blockedAt !== null))
    addRow(history, 'error', last, { why: 'no step of it can go on' });
  return stateOf(history);
}

/** When something of the task last changed, as far as Tasker (Ruby) recorded it. */
export function newestChange(task: SourceTask): number {
  const times = [task, ...task.steps].flatMap(({ history }) => history.map((row) => row.at));
  const attempts = task.steps.flatMap((step) => [step.lastAttemptedAt ?? 0, step.processedAt ?? 0]);
  return Math.max(task.requestedAt ?? 0, ...times, ...attempts);
}
