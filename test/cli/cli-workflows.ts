import { z } from 'zod';
import { PermanentError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

export const greet = defineWorkflow({ namespace: 'cli', name: 'greet', input: z.object({ name: z.string() }) })
  .step('greet', ({ input }) => `hello ${input.name}`)
  .step('judge', { dependsOn: ['greet'] }, ({ input, parents }) => {
    if (input.name === 'nobody') throw new PermanentError('nobody is there');
    return parents.greet.length;
  });
