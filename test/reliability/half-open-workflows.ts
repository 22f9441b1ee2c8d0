import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

/** Runs until it is aborted, or ends at once if END_AT_ONCE is set in its process. */
export const patient = defineWorkflow({ name: 'patient', input: z.object({}) }).step('wait', async ({ signal }) => {
  if (process.env['END_AT_ONCE'] === undefined) {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
  return 'done';
});
