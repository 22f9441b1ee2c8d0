import { z } from 'zod';
import { createClient } from '../../../src/client/client.ts';
import { writeQueueSamples } from '../../../src/db/statements/scaling/queue-samples.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import type { ApiFixture } from '../../api/api-fixture.ts';

export interface Shown {
  readonly done: string;
  readonly failed: string;
  readonly open: string;
  readonly operation: string;
}

/** One step, forty equal ones, one that joins them; and a tail. */
const wide = (() => {
  const start = defineWorkflow({ name: 'checkout', namespace: 'shop', input: z.unknown() }).step('validate', () => 1);
  let flow = start as unknown as { step(name: string, options: object, handler: () => unknown): typeof flow };
  const lines = Array.from({ length: 12 }, (_, index) => `reserve_${index}`);
  for (const line of lines) flow = flow.step(line, { dependsOn: ['validate'] }, () => 1);
  flow = flow.step('charge', { dependsOn: lines }, () => 1).step('ship', { dependsOn: ['charge'] }, () => 1);
  return flow as unknown as typeof start;
})();

/** Tasks in the states that pages show differently. `text`: in every field that comes from outside. */
export async function fillFleet(fixture: ApiFixture, text = 'an order'): Promise<Shown> {
  const id = await fixture.workflow(wide);
  const options = {
    context: JSON.stringify({ order: text, amount: 1 }).replace(/1}$/, '9007199254740993}'),
    tags: [text.slice(0, 100)],
    initiator: text.slice(0, 100),
    reason: text,
  };
  const worker = await fixture.worker();
  const done = await fixture.submitOne(id, options);
  for (let steps = await worker.claim(50); steps.length > 0; steps = await worker.claim(50)) {
    await worker.complete(steps, { result: JSON.stringify({ said: text }) });
  }
  const failed = await fixture.submitOne(id, options);
  await worker.complete([await worker.claimOne()], { result: JSON.stringify(text) });
  const [first, ...rest] = await worker.claim(50);
  await worker.complete(rest);
  if (first !== undefined) await worker.fail(first, { permanent: true });
  const open = await fixture.submitOne(id, options);
  return { done, failed, open, operation: await fillPages(fixture, text) };
}

/** What pages of the fleet show: an operation, a schedule, an act, a pause, and an hour of a queue. Returns the id of the operation. */
async function fillPages({ test, db }: ApiFixture, text: string): Promise<string> {
  const client = createClient({ url: test.url, notify: false });
  try {
    const preview = await client.operations.preview({
      action: 'retry',
      filter: { workflow: 'checkout' },
      by: text,
      reason: text,
    });
    await client.pause({ queue: 'default' }, { by: text.slice(0, 100), reason: text });
    await db.run(writeQueueSamples, { signals: JSON.stringify(samples()) });
    return preview?.operation.operation_id ?? '';
  } finally {
    await client.close();
  }
}

/** The measurements of an hour: a burst that is worked off. */
function samples(): object[] {
  const now = Date.now() / 1000;
  return Array.from({ length: 60 }, (_, minute) => ({
    queue: 'default',
    at: now - (59 - minute) * 60,
    ready_steps: Math.round(200 * Math.exp(-(((minute - 25) / 9) ** 2))),
    oldest_ready_seconds: 40 * Math.exp(-(((minute - 28) / 9) ** 2)),
    running_steps: Math.min(20, minute),
    workers: minute < 22 ? 1 : 2,
    desired_replicas: minute < 20 ? 1 : minute < 45 ? 3 : 2,
    arrival_rate: 4 + 6 * Math.exp(-(((minute - 22) / 7) ** 2)),
    completion_rate: 4 + 4 * Math.exp(-(((minute - 30) / 10) ** 2)),
  }));
}
