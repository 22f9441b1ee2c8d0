import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/client/index.ts';
import { isUnavailable } from '../../src/db/sql-errors.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';
import { HANDLER_FAULTS, type HandlerFault } from './behaviours.ts';
import type { Random } from './random.ts';
import * as workflows from './workflows.ts';

/** A task that the database said it has: from then on it may not be lost. */
export interface Acknowledged {
  taskId: string;
  ends: 'complete' | 'error';
  fault: HandlerFault | undefined;
  step: string | undefined;
}

const STEADY = [workflows.diamond, workflows.chain, workflows.fan];
/** More than this many open tasks, and the submitter waits: a backlog would only hide how soon work goes on. */
const MOST_OPEN = 150;

/** Submits tasks all the time, some of them with a fault in them, and keeps what was acknowledged. */
export class Load {
  readonly acknowledged: Acknowledged[] = [];
  private readonly client: Client;
  private readonly random: Random;
  private readonly perSecond: number;
  private running = true;
  private number = 0;
  private pending: Promise<void>[] = [];
  private loop: Promise<void> | undefined;

  constructor(options: { url: string; random: Random; perSecond: number }) {
    this.client = new Client({ url: options.url, applicationName: 'chaos load', poolSize: 3 });
    this.random = options.random;
    this.perSecond = options.perSecond;
  }

  async start(): Promise<void> {
    for (const definition of Object.values(workflows)) await this.client.register(definition);
    this.loop = this.run();
  }

  /** Submits one task with this fault in it, soon. */
  submitFault(fault: HandlerFault): void {
    const definition = fault === 'poison' ? workflows.poisoned : this.random.pick(STEADY);
    this.pending.push(this.submit(definition, fault, this.random.pick(definition.steps).name));
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.loop;
    await Promise.all(this.pending);
    await this.client.close();
  }

  private async run(): Promise<void> {
    while (this.running) {
      const open = await this.open();
      const wanted = open > MOST_OPEN ? 0 : this.perSecond;
      await Promise.all([
        sleep(1000),
        ...Array.from({ length: wanted }, () => this.submit(this.random.pick(STEADY), undefined, undefined)),
      ]);
    }
  }

  private async open(): Promise<number> {
    try {
      const { rows } = await this.client.db.pool.query<{ open: number }>(
        'SELECT count(*)::integer AS open FROM tasker.tasker_tasks WHERE NOT complete AND state <> $1',
        ['error'],
      );
      return rows[0]?.open ?? 0;
    } catch {
      return 0;
    }
  }

  /** Until it is acknowledged: the identity makes a repetition after an unknown outcome harmless. */
  private async submit(
    definition: WorkflowDefinition,
    fault: HandlerFault | undefined,
    step: string | undefined,
  ): Promise<void> {
    this.number += 1;
    const key = `chaos ${this.number}`;
    const input = { variety: this.random.between(0, 1_000_000) * 10_000 + (this.number % 10_000), fault, step };
    for (;;) {
      try {
        const { taskId } = await this.client.submit(definition, input, { key });
        const ends = fault === undefined ? 'complete' : HANDLER_FAULTS[fault].ends;
        this.acknowledged.push({ taskId, ends, fault, step });
        return;
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        await sleep(200);
      }
    }
  }
}
