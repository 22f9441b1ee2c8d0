import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { threads } from './threads.ts';

/** Ends the heartbeat thread of its process, and then never ends. */
export const mortal = defineWorkflow({ name: 'mortal', input: z.object({}) }).step('end', async () => {
  await threads.at(-1)?.terminate();
  await new Promise(() => undefined);
});
