import type { Ended, Recorded } from '../scope/outputs.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';
import { endLost } from '../telemetry/lost-spans.ts';
import { EndedTraces } from './ended-traces.ts';

const OUTCOMES = { complete: 'complete', fail: 'error', timeout: 'timeout', release: 'released' } as const;

/** As the history has them. */
const CAUSES = { complete: 'complete', fail: 'fail', timeout: 'timeout', release: 'released' } as const;

/** Brings what a statement recorded into the ledger, the result cache, the notifications and the telemetry. */
export class Recorder {
  private readonly scope: WorkerScope;
  private readonly endedTraces: EndedTraces;

  constructor(scope: WorkerScope) {
    this.scope = scope;
    this.endedTraces = new EndedTraces(scope);
  }

  record(recorded: Recorded): void {
    // Before the spans of the attempts end: afterwards nothing tells which of them were recorded.
    const traced = tracedTasks(recorded);
    for (const ended of recorded.ended) this.recordOne(ended, recorded);
    this.notify(recorded.readyQueues);
    this.tasksEnded('complete', recorded.completedTasks);
    this.tasksEnded('error', recorded.erroredTasks);
    if (traced !== undefined) this.endedTraces.add(traced);
  }

  private recordOne(
    { step, type, outcome, seconds, inputsOfTask, trace }: Ended,
    { lost, retries, givenUp }: Recorded,
  ): void {
    if (givenUp) this.scope.claims.stepLeft(step.claimId);
    else this.scope.claims.stepEnded(step.claimId);
    if (type === undefined) return;
    const isLost = givenUp || lost.has(step.stepId);
    if (!isLost && inputsOfTask !== undefined && outcome.kind === 'complete')
      this.scope.results.put(step.taskId, inputsOfTask, type.template.ordinal, outcome.result);
    const retry = retries?.get(step.stepId);
    // One that completes is not logged, so without a span nobody asks for its place.
    const hasPlace = trace !== undefined && (isLost || outcome.kind === 'fail' || trace.recording);
    this.scope.events.finished(type.labels, {
      outcome: isLost ? 'lost' : OUTCOMES[outcome.kind === 'fail' ? outcome.cause : outcome.kind],
      seconds,
      attempt: step.attempt,
      taskId: step.taskId,
      error: outcome.kind === 'fail' ? outcome.error : undefined,
      willRetry: retries === undefined ? undefined : typeof retry === 'object',
      trace: hasPlace ? trace.logFields : undefined,
    });
    if (trace?.recording !== true) return;
    if (isLost) {
      this.scope.spans.forget(step.stepId);
      // What is given up is recovered, which ends its span.
      if (!givenUp) this.scope.spans.later(endLost(this.scope, trace, step));
      return;
    }
    const kind = outcome.kind === 'fail' ? outcome.cause : outcome.kind;
    trace.end({
      outcome: OUTCOMES[kind],
      cause: CAUSES[kind],
      error: outcome.kind === 'fail' ? outcome.error : undefined,
      retryAt: typeof retry === 'object' ? retry.retryAt : undefined,
    });
  }

  private notify(queues: readonly string[]): void {
    if (queues.length === 0) return;
    const { settings, signal, notifier } = this.scope;
    if (queues.some((queue) => settings.queues.includes(queue))) signal.wake();
    notifier.notify(queues);
  }

  private tasksEnded(state: 'complete' | 'error', taskIds: readonly string[]): void {
    if (taskIds.length === 0) return;
    for (const taskId of taskIds) this.scope.results.delete(taskId);
    this.scope.events.taskEnded(state, taskIds);
  }
}

/** The tasks that these outcomes have completed and whose spans may be exported; undefined: none. Those in error are traced by whatever ends them. */
function tracedTasks({ ended, completedTasks }: Recorded): string[] | undefined {
  if (completedTasks.length === 0) return undefined;
  const recording = new Set<string>();
  for (const { step, trace } of ended) if (trace?.recording === true) recording.add(step.taskId);
  const traced = recording.size === 0 ? [] : completedTasks.filter((taskId) => recording.has(taskId));
  return traced.length === 0 ? undefined : traced;
}
