import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const slow = defineWorkflow({ namespace: 'test', name: 'slow', input: z.object({ ms: z.number() }) })
  .step('a', async ({ input }) => {
    // The test counts these lines: a step whose outcome was lost may run again under the same attempt.
    console.log('step a runs');
    await pause(input.ms);
    return 'a';
  })
  .step('b', { dependsOn: ['a'] }, () => 'b')
  .step('c', { dependsOn: ['a'] }, () => 'c')
  .step('d', { dependsOn: ['b', 'c'] }, () => 'd');
