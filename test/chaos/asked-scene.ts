import {
  type ChangeLog,
  lastSeen,
  type PauseRow,
  rowsSeen,
  SeenTransactions,
  type ServedRow,
  type StepLog,
  type TaskLog,
  type Transition,
  type WorkerRow,
} from './change-log.ts';

/** A step as a snapshot saw it: by its history, and by the log for what the history does not have. */
export interface SeenStep {
  name: string;
  namedTaskId: number;
  state: string;
  attempts: number;
  crashes: number;
  retryLimit: number;
  nextRetryMs: number | undefined;
  readyMs: number | undefined;
  queue: string;
  last: Transition | undefined;
  /** When it changed before the last transition: it was made then, or became ready, or had another state. */
  changedBefore: Date | undefined;
  parents: readonly string[];
}

/** What follows the name of a queue in that of its steps that killed processes. */
const QUARANTINE = '~quarantine';
/** A worker that has not reported its workflows may have the handlers for this time after its start. */
const REPORTS_WITHIN_MS = 15_000;

export const isDone = ({ state }: SeenStep): boolean => state === 'complete' || state === 'resolved_manually';
export const isBlocked = ({ state, nextRetryMs }: SeenStep): boolean => state === 'error' && nextRetryMs === undefined;
export const isQuarantined = ({ queue }: SeenStep): boolean => queue.endsWith(QUARANTINE);

/** The last state of a history up to this transition. */
export const stateAt = (history: readonly Transition[], sortKey: number): string =>
  history.find((transition) => transition.sortKey === sortKey)?.to ?? 'pending';

/** A task and the fleet as a snapshot saw them, made of what the audit knows, and not of what the engine reads. */
export class AskedScene {
  readonly nowMs: number;
  readonly task: TaskLog;
  readonly taskState: string;
  /** In the order of the graph. */
  readonly steps: readonly SeenStep[];
  private readonly byId = new Map<string, SeenStep>();
  private readonly workers: readonly WorkerRow[];
  private readonly served: readonly ServedRow[];
  private readonly pauses: readonly PauseRow[];

  constructor(log: ChangeLog, task: TaskLog, snapshot: string, asOf: Date) {
    const seen = new SeenTransactions(snapshot);
    this.nowMs = asOf.getTime();
    this.task = task;
    this.taskState = stateAt(task.history, lastSeen(task.changes, seen)?.sortKey ?? 0);
    this.steps = [...task.steps.values()].map((step) => {
      const found = asSeen(step, seen);
      this.byId.set(step.id, found);
      return found;
    });
    this.workers = rowsSeen(log.workers, seen);
    this.served = rowsSeen(log.served, seen);
    this.pauses = rowsSeen(log.pauses, seen);
  }

  step(name: string): SeenStep | undefined {
    return this.steps.find((step) => step.name === name);
  }

  unmetParentsOf({ parents }: SeenStep): SeenStep[] {
    return parents.map((id) => this.byId.get(id) as SeenStep).filter((parent) => !isDone(parent));
  }

  /** The steps before this one that wait for no other step. */
  rootsOf(step: SeenStep): SeenStep[] {
    const roots = new Set<SeenStep>();
    const visit = (one: SeenStep): void => {
      for (const parent of this.unmetParentsOf(one)) {
        if (parent.state === 'pending' && this.unmetParentsOf(parent).length > 0) visit(parent);
        else roots.add(parent);
      }
    };
    visit(step);
    return [...roots];
  }

  get schedulers(): number {
    return this.workers.filter((worker) => worker.role === 'scheduler' && this.isLive(worker)).length;
  }

  worker(id: string | null): WorkerRow | undefined {
    return this.workers.find((worker) => String(worker.worker_id) === id);
  }

  /** The live workers on the queue of a step; `able`: those that have, or may have, its handlers. */
  coverageOf(step: SeenStep): { serving: WorkerRow[]; able: WorkerRow[]; draining: number } {
    const queue = isQuarantined(step) ? step.queue.slice(0, -QUARANTINE.length) : step.queue;
    const all = this.workers.filter(
      (worker) => worker.role === 'worker' && worker.queues.includes(queue) && this.isLive(worker),
    );
    const serving = all.filter(({ draining }) => !draining);
    const able = serving.filter((worker) => {
      const reports = this.served.filter(({ worker_id: id }) => id === worker.worker_id);
      if (reports.length === 0) return this.nowMs - Date.parse(worker.started_at) < REPORTS_WITHIN_MS;
      return reports.some(({ named_task_id: id }) => id === step.namedTaskId);
    });
    return { serving, able, draining: all.length - serving.length };
  }

  /** Live workers that have handlers for the version of the task, on whatever queues. */
  get withHandlers(): number {
    const { namespace, workflow, version } = this.task;
    return this.served.filter((report) => {
      const worker = this.worker(String(report.worker_id));
      const isOfIt = report.namespace === namespace && report.name === workflow && report.version === version;
      return isOfIt && report.problem === null && worker !== undefined && !worker.draining && this.isLive(worker);
    }).length;
  }

  /** The pauses of the queue of a step, and of its workflow. */
  pausesOf(step: SeenStep): PauseRow[] {
    const queue = isQuarantined(step) ? step.queue.slice(0, -QUARANTINE.length) : step.queue;
    const names = { queue, workflow: `${this.task.namespace}/${this.task.workflow}` };
    return this.pauses.filter(
      ({ kind, name, until }) => name === names[kind] && (until === null || Date.parse(until) > this.nowMs),
    );
  }

  private isLive({ stopped_at: stoppedAt, lease_expires_at: expiresAt }: WorkerRow): boolean {
    return stoppedAt === null && Date.parse(expiresAt) > this.nowMs;
  }
}

function asSeen(step: StepLog, seen: SeenTransactions): SeenStep {
  const change = lastSeen(step.changes, seen);
  const sortKey = change?.sortKey ?? 0;
  const history = step.history.filter((transition) => transition.sortKey <= sortKey);
  const count = (cause: string): number => history.filter((transition) => transition.cause === cause).length;
  return {
    name: step.name,
    namedTaskId: step.namedTaskId,
    state: stateAt(history, sortKey),
    attempts: count('claim') - count('released'),
    crashes: count('lease_expired'),
    retryLimit: change?.retryLimit ?? 0,
    nextRetryMs: change?.nextRetryAt?.getTime(),
    readyMs: change?.readyAt?.getTime(),
    queue: change?.queue ?? '',
    last: history.at(-1),
    changedBefore: step.changes.findLast((each) => each.sortKey < sortKey)?.changedAt,
    parents: step.parents,
  };
}
