import type { Ended, Recorded } from '../scope/outputs.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';

const OUTCOMES = { complete: 'complete', fail: 'error', timeout: 'timeout', release: 'released' } as const;

/** Brings what a statement recorded into the ledger, the result cache, the notifications and the telemetry. */
export class Recorder {
  private readonly scope: WorkerScope;

  constructor(scope: WorkerScope) {
    this.scope = scope;
  }

  record(recorded: Recorded): void {
    for (const ended of recorded.ended) this.recordOne(ended, recorded);
    this.notify(recorded.readyQueues);
    this.tasksEnded('complete', recorded.completedTasks);
    this.tasksEnded('error', recorded.erroredTasks);
  }

  private recordOne({ step, type, outcome, seconds }: Ended, { lost, retries, givenUp }: Recorded): void {
    if (givenUp) this.scope.claims.stepLeft(step.claimId);
    else this.scope.claims.stepEnded(step.claimId);
    if (type === undefined) return;
    const isLost = givenUp || lost.has(step.stepId);
    this.scope.events.finished(type.labels, {
      outcome: isLost ? 'lost' : OUTCOMES[outcome.kind === 'fail' ? outcome.cause : outcome.kind],
      seconds,
      attempt: step.attempt,
      taskId: step.taskId,
      error: outcome.kind === 'fail' ? outcome.error : undefined,
      willRetry: retries === undefined ? undefined : typeof retries.get(step.stepId) === 'object',
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
