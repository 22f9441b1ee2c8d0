import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/client/client.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';
import { HANDLER_FAULTS, type HandlerFault } from './handler-faults.ts';
import type { Random } from './random.ts';
import { Brief } from './brief.ts';
import { Bulk } from './bulk.ts';
import { Pauser } from './pauser.ts';
import { Reuse } from './reuse.ts';
import * as workflows from './workflows.ts';

/** A task whose submit was acknowledged: from then on it may not be lost. */
export interface Acknowledged {
  taskId: string;
  ends: 'complete' | 'error';
  fault: HandlerFault | undefined;
  step: string | undefined;
}

const STEADY = [workflows.diamond, workflows.chain, workflows.fan];
/** Lower runs sooner. */
const PRIORITIES = [-10, 0, 10];
/** The submitter waits while more tasks are open: a backlog would only hide how soon work continues. */
const MAX_OPEN = 150;
/** No fault lasts this long: a submit that fails for longer has another cause. */
const SUBMIT_WITHIN_MS = 120_000;

/** Several times the number of slots of the fleet, so that the least urgent steps have to wait. */
const BULK = 60;
const BULK_PACE_MS = 200;
const URGENT = 6;
const BURST_EVERY_MS = 700;
/** How long an application's transaction stays open after the submit in it: its steps are ready before they are visible. */
const LATE_COMMIT_MS = [300, 1500] as const;

/** Submits tasks continuously, some of them with a fault, and records the acknowledged ones. */
export class Load {
  readonly acknowledged: Acknowledged[] = [];
  readonly reuse: Reuse;
  readonly brief: Brief;
  readonly bulk: Bulk;
  readonly pauser: Pauser;
  private readonly client: Client;
  private readonly random: Random;
  private readonly perSecond: number;
  private running = true;
  private number = 0;
  private pending: Promise<void>[] = [];
  private loop: Promise<void> | undefined;

  constructor(options: { url: string; random: Random; perSecond: number }) {
    this.client = new Client({ url: options.url, applicationName: 'chaos load', poolSize: 4 });
    this.random = options.random;
    this.perSecond = options.perSecond;
    this.reuse = new Reuse(this.client, options.random);
    this.brief = new Brief(this.client, options.random);
    this.bulk = new Bulk(this.client, options.random);
    this.pauser = new Pauser(this.client, options.random, () => this.submit(workflows.paused, undefined, undefined));
  }

  async start(): Promise<void> {
    const definitions = Object.values(workflows).filter((each) => typeof each === 'object');
    for (const definition of definitions) await this.client.register(definition);
    this.loop = this.run();
    this.reuse.start();
    this.brief.start();
    this.bulk.start();
    this.pauser.start();
  }

  /** Submits one task with this fault in it, soon. */
  submitFault(fault: HandlerFault): void {
    const definition = fault === 'poison' ? workflows.poisoned : this.random.pick(STEADY);
    this.pending.push(this.submit(definition, fault, this.random.pick(definition.steps).name));
  }

  /** Resolves when everything so far is acknowledged. */
  async pause(): Promise<void> {
    this.running = false;
    await Promise.all([this.loop, this.reuse.stop(), this.brief.stop(), this.bulk.stop(), this.pauser.stop()]);
    await Promise.all(this.pending);
  }

  async stop(): Promise<void> {
    await this.pause();
    await this.client.close();
  }

  /**
   * For `ms`: many tasks of low urgency at once, then urgent ones, some of them in transactions that commit late. Only while no fault
   * happens, because a failed submit is not tried again.
   */
  async bursts(ms: number): Promise<void> {
    const until = Date.now() + ms;
    const late: Promise<void>[] = [];
    while (Date.now() < until) {
      await this.submitMany(BULK, 10, BULK_PACE_MS);
      late.push(this.submitLate(-10), this.submitLate(0));
      await this.submitMany(URGENT, 0);
      await sleep(BURST_EVERY_MS / 2);
      await this.submitMany(URGENT, -10);
      await sleep(BURST_EVERY_MS / 2);
    }
    await Promise.all(late);
  }

  private async submitMany(count: number, priority: number, paceMs?: number): Promise<void> {
    const definition = this.random.pick(STEADY);
    const requests = Array.from({ length: count }, () => {
      const { key, input } = this.task(undefined, undefined);
      return { key, input: { ...input, paceMs }, priority };
    });
    for await (const { taskId } of this.client.submitMany(definition, requests)) this.acknowledge(taskId);
  }

  private async submitLate(priority: number): Promise<void> {
    const definition = this.random.pick(STEADY);
    const { input, key } = this.task(undefined, undefined);
    const ms = this.random.between(...LATE_COMMIT_MS);
    const connection = await this.client.db.pool.connect();
    try {
      await connection.query('BEGIN');
      const { taskId } = await this.client.submitTask(connection, definition, input, { key, priority });
      await sleep(ms);
      await connection.query('COMMIT');
      this.acknowledge(taskId);
    } finally {
      connection.release();
    }
  }

  private async run(): Promise<void> {
    while (this.running) {
      const open = await this.open();
      const wanted = open > MAX_OPEN ? 0 : this.perSecond;
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

  /** Tries again after any error until the submit is acknowledged: the identity makes this harmless after an unknown outcome. */
  private async submit(
    definition: WorkflowDefinition,
    fault: HandlerFault | undefined,
    step: string | undefined,
  ): Promise<void> {
    const { input, key } = this.task(fault, step);
    const priority = this.random.pick(PRIORITIES);
    const deadline = Date.now() + SUBMIT_WITHIN_MS;
    for (;;) {
      try {
        const { taskId } = await this.client.submit(definition, input, { key, priority });
        this.acknowledge(taskId, fault, step);
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(200);
      }
    }
  }

  private task(fault: HandlerFault | undefined, step: string | undefined) {
    this.number += 1;
    const key = `chaos ${this.number}`;
    const variety = this.random.between(0, 1_000_000) * 10_000 + (this.number % 10_000);
    return { key, input: { identity: key, variety, fault, step } };
  }

  private acknowledge(taskId: string, fault?: HandlerFault, step?: string): void {
    const ends = fault === undefined ? 'complete' : HANDLER_FAULTS[fault].ends;
    this.acknowledged.push({ taskId, ends, fault, step });
  }
}
