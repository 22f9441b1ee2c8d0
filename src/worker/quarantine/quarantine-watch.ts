import { type Jitter, withJitter } from '../../backoff.ts';
import { quarantined } from '../../engine/quarantine.ts';
import type { QuarantineProcess } from '../scope/worker-options.ts';
import { statementFailed, type WorkerScope } from '../scope/worker-scope.ts';
import type { QuarantineRunner } from './quarantine-runner.ts';

/** Quarantined steps are rare and not latency-sensitive. */
const POLL_MS = 1000;
/** After a poll that found nothing, while notifications arrive. */
const IDLE_POLL_MS = 10_000;
/** Wide: the notification that wakes one worker wakes the whole fleet. */
const SPREAD: Jitter = [0.5, 1.5];

/** Polls for quarantined steps and has them run: of a fleet, about as many workers start a process for them as there are steps. */
export class QuarantineWatch {
  private readonly scope: Pick<WorkerScope, 'db' | 'settings' | 'pauses' | 'state' | 'claims' | 'events'>;
  /** Runs one step in the worker itself. */
  private readonly runner: Pick<QuarantineRunner, 'run'>;
  /** Starts a process for quarantined steps. Undefined: the runner runs them beside the others. */
  private readonly startProcess: (() => QuarantineProcess) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private child: QuarantineProcess | undefined;
  private stopped = false;
  /** The last poll found nothing. */
  private idle = false;
  private polling: Promise<void> = Promise.resolve();

  constructor(
    scope: QuarantineWatch['scope'],
    runner: Pick<QuarantineRunner, 'run'>,
    startProcess?: (() => QuarantineProcess) | undefined,
  ) {
    this.scope = scope;
    this.runner = runner;
    this.startProcess = startProcess;
  }

  start(): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.polling = this.poll().finally(() => this.start());
      },
      withJitter(this.idle && this.scope.state.notificationsLive ? IDLE_POLL_MS : POLL_MS, SPREAD),
    ).unref();
  }

  /** There may be quarantined steps, or notifications arrive no longer. It does not poll at once: the whole fleet is woken together. */
  wake(): void {
    if (!this.idle) return;
    this.idle = false;
    if (this.timer !== undefined) this.start();
  }

  /** An idle check found no quarantined steps. */
  polledElsewhere(): void {
    if (this.idle && this.timer !== undefined) this.start();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.polling;
    await this.child?.stop();
  }

  private async poll(): Promise<void> {
    const { db, settings, pauses } = this.scope;
    // A worker starts one process at a time, so there is nothing to find out while that one runs.
    if (this.child !== undefined) return;
    this.idle = true;
    try {
      const found = await quarantined(db, {
        queues: pauses.openQueues(settings.queues),
        namedTaskIds: pauses.openWorkflows,
      });
      if (found.length > 0) this.idle = false;
      if (found.length === 0 || this.stopped) return;
      if (this.startProcess === undefined) {
        for (const { queue } of found) await this.runner.run(queue);
        return;
      }
      const waiting = found.reduce((sum, row) => sum + row.waiting, 0);
      const { serving = 0, workers = 1 } = found[0] ?? {};
      if (Math.random() * Math.max(1, workers) >= waiting - serving) return;
      const child = this.startProcess();
      this.child = child;
      void child.exited.finally(() => {
        this.child = undefined;
      });
    } catch (error) {
      this.idle = false;
      statementFailed(this.scope, 'look into the quarantine', error);
    }
  }
}
