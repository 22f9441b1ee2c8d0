import { traceEnded } from '../../engine/trace-ended.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';

/**
 * A span that comes a moment later has the same times. With one statement for each batch that completes a sampled task, a fleet that samples 1 %
 * read with every batch, as a third statement beside a claim and a completion.
 */
const GATHER_MS = 250;

/** The spans of tasks that attempts of this worker have completed: what they are made of is read for all tasks of a moment together. */
export class EndedTraces {
  private readonly scope: Pick<WorkerScope, 'db' | 'spans'>;
  private waiting: string[] = [];

  constructor(scope: Pick<WorkerScope, 'db' | 'spans'>) {
    this.scope = scope;
  }

  add(taskIds: readonly string[]): void {
    this.waiting.push(...taskIds);
    if (this.waiting.length === taskIds.length) this.scope.spans.later(this.read());
  }

  private async read(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    const taskIds = this.waiting;
    this.waiting = [];
    await traceEnded(this.scope.db, taskIds);
  }
}
