import {
  readSourceReadiness,
  readSourceReadinessView,
  type SourceReadinessRow,
} from '../db/statements/imports/source-readiness.ts';
import { isDone, isState } from './history.ts';
import type { ImportRun } from './import-run.ts';
import type { MappedStep, MappedTask } from './mapped-task.ts';
import { read } from './source.ts';
import type { SourceStep, SourceTask } from './source-task.ts';

/**
 * Compares open tasks, as they would be imported, with what Tasker's own view or function returns of their steps. What differs on purpose
 * is counted by its reason; anything else is a difference.
 */
export async function compareReadiness(
  run: ImportRun,
  pairs: readonly { source: SourceTask; task: MappedTask }[],
  now: number,
): Promise<void> {
  const { source, tally, registry } = run;
  if (source.readiness === undefined || pairs.length === 0) return;
  const statement = source.readiness === 'view' ? readSourceReadinessView : readSourceReadiness;
  const rows = await read(source, statement, [{ task_ids: pairs.map((pair) => pair.source.id) }]);
  const rowOf = new Map(rows.map((row) => [row.workflow_step_id, row]));
  for (const { source: from, task } of pairs) {
    const mapped = new Map(task.steps.map((step) => [step.name, step]));
    for (const step of from.steps) {
      const row = rowOf.get(step.id);
      const own = mapped.get(registry.names.stepNameOf(step.name));
      if (row === undefined || own === undefined) continue;
      tally.comparedSteps += 1;
      const difference = differenceOf(row, step, own, { from, task, now });
      if (difference !== undefined)
        tally.differences.push({
          source_task_id: from.id,
          task_id: from.id,
          difference: `step ${own.name} ${difference}`,
        });
    }
  }
}

/** Flags are no states there, and a second step of one name, or an edge without a step, is not here. */
const OTHER_THERE: ReadonlySet<string> = new Set([
  'states_from_flags',
  'steps_of_one_name_merged',
  'edges_without_a_step_left_out',
  'most_recent_corrected',
]);

interface Around {
  from: SourceTask;
  task: MappedTask;
  now: number;
}

/** Undefined if both agree, or differ as they have to. */
function differenceOf(row: SourceReadinessRow, step: SourceStep, own: MappedStep, around: Around): string | undefined {
  const { from, task } = around;
  const flags = task.notes.some((note) => OTHER_THERE.has(note));
  const doneThere = isState(row.current_state) && isDone(row.current_state);
  if (doneThere !== isDone(own.state) && !flags)
    return `is ${row.current_state} by the view of Tasker, and would be ${own.state}`;
  const done = new Set(task.steps.filter((other) => isDone(other.state)).map((other) => other.name));
  const doneParents = own.parents.filter((parent) => done.has(parent)).length;
  if ((row.total_parents !== own.parents.length || row.completed_parents !== doneParents) && !flags)
    return `has ${row.completed_parents} of ${row.total_parents} parents done by the view of Tasker, and would have ${doneParents} of ${own.parents.length}`;
  const ready = own.isReady || (own.nextRetryAt !== null && own.nextRetryAt <= around.now);
  if (ready === (row.ready_for_execution === true) || flags) return undefined;
  return isMeant(step, own, from, around.now)
    ? undefined
    : `is ${ready ? 'not ' : ''}ready by the view of Tasker, and would ${ready ? '' : 'not '}be ready`;
}

/**
 * Tasker never takes up a step whose attempts are NULL, or whose backoff has no attempt to count from; it ignores, or in later releases
 * misreads, `retryable`; it shows steps of ended tasks as ready; and a reset step waits out a backoff there that no longer holds.
 */
function isMeant(step: SourceStep, own: MappedStep, from: SourceTask, now: number): boolean {
  const state = from.history.at(-1)?.to ?? 'pending';
  const justDue = own.nextRetryAt !== null && Math.abs(own.nextRetryAt - now) < 5_000_000;
  const resetOrWaiting =
    own.state === 'pending' && (step.backoffSeconds !== null || step.history.some(({ to }) => to === 'error'));
  return (
    step.attempts === null ||
    !step.retryable ||
    state === 'error' ||
    own.blockedAt !== null ||
    resetOrWaiting ||
    justDue
  );
}
