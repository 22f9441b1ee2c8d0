import { reportWorkflows } from '../../db/statements/workflows/worker-workflows.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';
import type { WorkflowRegistration } from './workflow-registration.ts';

/** How often a new worker id or a changed list is looked for in memory; a statement is sent only if there is one. */
const REPORT_MS = 2000;
const FIRST_REPORT_MS = 100;
/** A refused workflow is tried again after this: soon after it was corrected, and one lookup each until then. */
const REGISTRATION_RETRY_MS = 30_000;

/** Keeps the list of this process's workflows in the database (tasker_worker_workflows), for `tasker workflows`, and retries refused ones. */
export class WorkflowReport {
  private readonly scope: Pick<WorkerScope, 'db' | 'lease' | 'events'>;
  private readonly registration: WorkflowRegistration;
  private readonly retryMs: number;
  private reportedFor: string | undefined;
  private reportedVersion = -1;
  private first: NodeJS.Timeout | undefined;
  private timer: NodeJS.Timeout | undefined;
  private ticking: Promise<void> | undefined;
  private stopped = false;

  constructor(scope: WorkflowReport['scope'], registration: WorkflowRegistration, retryMs = REGISTRATION_RETRY_MS) {
    this.scope = scope;
    this.registration = registration;
    this.retryMs = retryMs;
  }

  start(): void {
    if (this.stopped || this.timer !== undefined) return;
    // Not beside the first claim: it would open a connection for it.
    this.first = setTimeout(() => void this.tick(), FIRST_REPORT_MS).unref();
    this.timer = setInterval(() => void this.tick(), Math.min(REPORT_MS, this.retryMs)).unref();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.first);
    clearInterval(this.timer);
    await this.ticking;
  }

  /** One round: tries refused workflows if it is time, and writes the list if the database lacks it. One round at a time. */
  private tick(): Promise<void> {
    this.ticking ??= this.round().finally(() => {
      this.ticking = undefined;
    });
    return this.ticking;
  }

  private async round(): Promise<void> {
    await this.registration.retryRefused(this.retryMs);
    await this.report().catch((error: unknown) => this.scope.events.failed('report workflows', error));
  }

  private async report(): Promise<void> {
    const workerId = this.scope.lease.current;
    const { version } = this.registration;
    if (workerId === undefined || (workerId === this.reportedFor && version === this.reportedVersion)) return;
    const workflows = this.registration.status().map(({ definition, namedTaskId, problem }) => ({
      named_task_id: namedTaskId,
      namespace: definition.namespace,
      name: definition.name,
      version: definition.version,
      problem,
    }));
    await this.scope.db.run(reportWorkflows, { worker_id: workerId, workflows });
    this.reportedFor = workerId;
    this.reportedVersion = version;
  }
}
