import type { Database } from '../../db/connections/database.ts';
import { reportWorkflows } from '../../db/statements/workflows/worker-workflows.ts';
import type { SetAside } from '../../engine/adopt-inherited-tasks.ts';
import { registerWorkflows } from '../../engine/register-workflows.ts';
import { WorkflowDefinitionError } from '../../errors.ts';
import type { WorkflowDefinition } from '../../workflow/definition.ts';
import type { HandlerRegistry } from '../scope/handler-registry.ts';

export interface ServedWorkflowsOptions {
  db: Database;
  workflows: readonly WorkflowDefinition[];
  catalogue: HandlerRegistry;
  /** Undefined while the process has no lease. */
  workerId: () => string | undefined;
  /** How long a refused workflow waits for its next try. */
  retryMs: number;
  /** A workflow is refused: for the first time, or with another problem than before. */
  onRefused: (definition: WorkflowDefinition, problem: string) => void;
  onServed: (definition: WorkflowDefinition, wasRefused: boolean) => void;
  onSetAside: (definition: WorkflowDefinition, setAside: SetAside) => void;
  onError: (what: string, error: unknown) => void;
}

/** How often a new worker id or a changed list is looked for in memory; the database is asked only if there is one. */
const REPORT_MS = 2000;

/**
 * The workflows that this process serves. One that the database refuses keeps no other from running: it is tried again now and
 * then, so that mending it needs no restart. The list is in the database (tasker_worker_workflows), for `tasker workflows`.
 */
export class ServedWorkflows {
  private readonly options: ServedWorkflowsOptions;
  private readonly refused = new Map<WorkflowDefinition, string>();
  private readonly served = new Map<WorkflowDefinition, number>();
  private reportedFor: string | undefined;
  private changed = true;
  private triedAt = 0;
  private timer: NodeJS.Timeout | undefined;
  private ticking: Promise<void> | undefined;

  constructor(options: ServedWorkflowsOptions) {
    this.options = options;
  }

  /** Why workflows are refused, by definition. */
  get problems(): ReadonlyMap<WorkflowDefinition, string> {
    return this.refused;
  }

  /**
   * Registers every workflow that is not served yet. May be called again at any time, for all of them with `again`: their ids
   * in the database may have changed. Rejects if not one is served, and for errors that are about the moment.
   */
  async register({ again = false } = {}): Promise<void> {
    const { db, workflows, catalogue } = this.options;
    const wanted = workflows.filter((definition) => again || !this.served.has(definition));
    this.triedAt = performance.now();
    const registrations = await registerWorkflows(db, wanted);
    if (again) catalogue.clear();
    for (const registration of registrations) {
      const { definition } = registration;
      const before = this.refused.get(definition);
      if (registration.outcome === 'refused') {
        const { problem } = registration;
        this.served.delete(definition);
        this.refused.set(definition, problem);
        if (before === problem) continue;
        this.changed = true;
        this.options.onRefused(definition, problem);
        continue;
      }
      this.refused.delete(definition);
      this.served.set(definition, registration.namedTaskId);
      this.changed = true;
      catalogue.add(registration.namedTaskId, definition);
      for (const tasks of registration.setAside) this.options.onSetAside(definition, tasks);
      this.options.onServed(definition, before !== undefined);
    }
    if (this.served.size > 0 || workflows.length === 0) return;
    throw new WorkflowDefinitionError(`none of the workflows can be served: ${[...this.refused.values()].join('; ')}`, {
      problems: [...this.refused.values()],
    });
  }

  start(): void {
    void this.tick();
    this.timer ??= setInterval(() => void this.tick(), Math.min(REPORT_MS, this.options.retryMs)).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.ticking;
  }

  /** One round: tries refused workflows if it is time, and writes the list if the database lacks it. One round at a time. */
  tick(): Promise<void> {
    this.ticking ??= this.round().finally(() => {
      this.ticking = undefined;
    });
    return this.ticking;
  }

  private async round(): Promise<void> {
    if (this.refused.size > 0 && performance.now() - this.triedAt >= this.options.retryMs) {
      await this.register().catch((error: unknown) => {
        if (!(error instanceof WorkflowDefinitionError)) this.options.onError('register workflows', error);
      });
    }
    await this.report().catch((error: unknown) => this.options.onError('report workflows', error));
  }

  private async report(): Promise<void> {
    const workerId = this.options.workerId();
    if (workerId === undefined || (workerId === this.reportedFor && !this.changed)) return;
    const workflows = this.options.workflows.map((definition) => ({
      named_task_id: this.served.get(definition),
      namespace: definition.namespace,
      name: definition.name,
      version: definition.version,
      problem: this.refused.get(definition),
    }));
    this.changed = false;
    try {
      await this.options.db.run(reportWorkflows, { worker_id: workerId, workflows });
      this.reportedFor = workerId;
    } catch (error) {
      this.changed = true;
      throw error;
    }
  }
}
