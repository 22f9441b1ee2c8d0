import type { Client } from '../../src/client/client.ts';
import { Actor } from './actor.ts';
import { untilDone } from './again.ts';
import type { Database } from '../../src/db/connections/database.ts';
import type { Violation } from './audit.ts';
import { PAUSED_QUEUE } from './queues.ts';
import type { Random } from './random.ts';
import { rows } from './rows.ts';
import { paused } from './workflows.ts';

const SUBMIT_PAUSE_MS = 700;
/** A worker learns of a pause with a heartbeat, or has lost its lease by then and joins anew. */
export const NOTICED_WITHIN_MS = 12_000;
const LEAST_MS = 15_000;
const MOST_MS = 22_000;
const BETWEEN_MS = 3000;

/** A time in which nothing of the queue, or of the workflow, may be claimed: from the answer to the pause to the request to resume. */
export interface Paused {
  what: 'queue' | 'workflow';
  fromMs: number;
  toMs: number;
  /** It may have been paused from the request to pause on, until the answer to the request to resume. */
  askedMs: number;
  resumedMs: number;
}

/**
 * Pauses and resumes a queue, and a workflow, in turn. Their tasks have a queue to themselves, so that the others go on; one is submitted
 * all the time, so that there is always something to claim.
 */
export class Pauser extends Actor {
  readonly pauses: Paused[] = [];
  private readonly client: Client;
  private readonly random: Random;
  private readonly submit: () => Promise<void>;

  /** `submit`: one task of the workflow. */
  constructor(client: Client, random: Random, submit: () => Promise<void>) {
    super();
    this.client = client;
    this.random = random;
    this.submit = submit;
  }

  /** Nothing is paused when they are over. */
  protected act(): Promise<void>[] {
    return [this.submitAll(), this.pauseAll()];
  }

  private async submitAll(): Promise<void> {
    while (this.running) {
      await this.submit();
      await this.rest(SUBMIT_PAUSE_MS);
    }
  }

  private async pauseAll(): Promise<void> {
    while (this.running) {
      await this.rest(BETWEEN_MS);
      if (!this.running) return;
      const what = this.random.pick(['queue', 'workflow'] as const);
      const subject = what === 'queue' ? { queue: PAUSED_QUEUE } : { workflow: paused.name };
      const ms = this.random.between(LEAST_MS, MOST_MS);
      // Some end by themselves.
      const forSeconds = this.random.pick([undefined, ms / 1000]);
      const askedMs = Date.now();
      const until = await untilDone(async () => {
        const done = await this.client.pause(subject, { by: 'chaos', reason: 'chaos', forSeconds });
        // Before its first worker has joined, nothing knows the queue.
        if (done.outcome === 'not_found') throw new Error(`no such ${what}`);
        return done.until;
      });
      const fromMs = Date.now();
      await this.rest(ms);
      const toMs = Math.min(Date.now(), until?.getTime() ?? Infinity);
      await untilDone(() => this.client.resume(subject, { by: 'chaos' }));
      this.pauses.push({ what, askedMs, fromMs, toMs, resumedMs: Date.now() });
    }
  }
}

/** Checks that no claim began while its queue or its workflow was paused. That everything ran afterwards is checked with all other tasks. */
export async function pauseViolations(db: Database, pauses: readonly Paused[]): Promise<Violation[]> {
  const claims = await rows<{ step: string; beganMs: number }>(
    db,
    `SELECT workflow_step_id AS step, extract(epoch FROM began_at)::float8 * 1000 AS "beganMs" FROM chaos.readiness
     WHERE queue = $1 AND claim_id IS NOT NULL`,
    [PAUSED_QUEUE],
  );
  return pauses.flatMap(({ what, fromMs, toMs }) =>
    claims
      .filter(({ beganMs }) => beganMs > fromMs + NOTICED_WITHIN_MS && beganMs < toMs)
      .map(({ step, beganMs }) => ({
        kind: 'claimed while paused',
        detail: `step ${step}, ${Math.round(beganMs - fromMs)} ms after its ${what} was paused`,
      })),
  );
}
