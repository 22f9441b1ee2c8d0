import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';

/** One step that waits for `ms` of its task, and stops when it is aborted. */
export const work = defineWorkflow({
  name: 'work',
  namespace: 'autoscaling',
  input: z.strictObject({ ms: z.number(), phase: z.string(), number: z.number() }),
}).step('wait', { timeoutSeconds: 60 }, async ({ input, signal }) => {
  await sleep(input.ms, undefined, { signal });
});
