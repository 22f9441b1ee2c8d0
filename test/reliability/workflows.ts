import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { RetryableError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

const input = z.object({ ms: z.number() });
const work = async ({ input: { ms }, attempt }: { input: { ms: number }; attempt: number }) => {
  await sleep(ms);
  return { attempt };
};

/** Two branches that meet: five steps that all succeed. */
export const steady = defineWorkflow({ name: 'reliability_steady', input, identity: 'caller_key' })
  .step('start', work)
  .step('left', { dependsOn: ['start'] }, work)
  .step('right', { dependsOn: ['start'] }, work)
  .step('join', { dependsOn: ['left', 'right'] }, work)
  .step('end', { dependsOn: ['join'] }, work);

/** Fails `times`, and requests a retry after `afterSeconds`. */
export const returning = defineWorkflow({
  name: 'reliability_returning',
  input: z.object({ times: z.number(), afterSeconds: z.number() }),
  identity: 'caller_key',
}).step('return', { retryLimit: 50 }, ({ attempt, input: { times, afterSeconds } }) => {
  if (attempt <= times) throw new RetryableError('not yet', { retryAfter: afterSeconds });
  return { attempt };
});
