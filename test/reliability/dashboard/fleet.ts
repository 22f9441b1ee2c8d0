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
  readonly worker: string;
}

/** A path of PAGES, with the tasks that there are. */
export const pathWith = (shown: Shown, path: string): string =>
  path.replace(/\{(\w+)\}/g, (_all, name: string) => shown[name as keyof Shown]);

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
  return { done, failed, open, operation: await fillPages(fixture, failed, text), worker: worker.id };
}

const refund = defineWorkflow({
  name: 'refund',
  namespace: 'shop',
  description: 'Gives the money back.',
  input: z.object({
    order: z.string().describe('As it is on the invoice.'),
    amount: z.number(),
    express: z.boolean().optional(),
    reason: z.enum(['returned', 'damaged', 'late']),
    lines: z.array(z.object({ sku: z.string() })).optional(),
  }),
})
  .step('check', () => 1)
  .step('pay', { dependsOn: ['check'], queue: 'payments' }, () => 1);

/** What pages of the fleet show: an operation, a schedule, an act, a pause, and an hour of a queue. Returns the id of the operation. */
async function fillPages({ test, db, workflow }: ApiFixture, failed: string, text: string): Promise<string> {
  await workflow(refund);
  // As a worker writes it.
  await test.query(
    `UPDATE tasker.tasker_workflow_step_transitions
     SET metadata = jsonb_set(metadata, '{error}', metadata -> 'error' || jsonb_build_object('fingerprint', '9c41d0a2b7e3', 'message', $2::text))
     WHERE task_id = $1 AND to_state = 'error'`,
    [failed, text],
  );
  const client = createClient({ url: test.url, notify: false });
  const by = { by: text.slice(0, 100), reason: text };
  try {
    await client.schedule(refund, {
      key: 'nightly',
      cron: '0 3 * * 1-5',
      timezone: 'Europe/Berlin',
      input: { order: 'all', amount: 1, reason: 'late' },
    });
    const filter = { workflow: 'checkout', states: ['in_progress', 'error', 'pending'] } as const;
    const preview = await client.operations.preview({ action: 'retry', filter, canary: 1, ...by });
    await client.pause({ queue: 'default' }, by);
    await db.run(writeQueueSamples, { signals: JSON.stringify(samples()) });
    if (preview === undefined) throw new Error('no task was chosen');
    return preview.operation.operation_id;
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
    arrived_per_second: 4 + 6 * Math.exp(-(((minute - 22) / 7) ** 2)),
    completed_per_second: 4 + 4 * Math.exp(-(((minute - 30) / 10) ** 2)),
    share: 1,
  }));
}
