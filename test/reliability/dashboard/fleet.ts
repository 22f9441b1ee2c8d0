import { z } from 'zod';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import type { ApiFixture } from '../../api/api-fixture.ts';

export interface Shown {
  readonly done: string;
  readonly failed: string;
  readonly open: string;
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
  return { done, failed, open };
}
