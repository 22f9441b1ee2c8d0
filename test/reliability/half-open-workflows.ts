import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

/** Runs until it is aborted, or at once where its process is told so. */
export const patient = defineWorkflow({ name: 'patient', input: z.object({}) }).step('wait', async ({ signal }) => {
  if (process.env['IN_A_HURRY'] === undefined) {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
  return 'done';
});
