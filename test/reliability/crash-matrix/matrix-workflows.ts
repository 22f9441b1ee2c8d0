import { z } from 'zod';
import { PermanentError } from '../../../src/errors.ts';
import { defineWorkflow } from '../../../src/workflow/index.ts';
import { haveEffect } from '../support/effects.ts';

/** a -> (b, c) -> d. c fails at its first attempt, and for good where the input says so. */
export const matrix = defineWorkflow({ name: 'matrix', input: z.object({ doomed: z.boolean().default(false) }) })
  .step('a', (context) => {
    haveEffect(context);
    return 'a';
  })
  .step('b', { dependsOn: ['a'], retryLimit: 6 }, async (context) => {
    haveEffect(context);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return 'b';
  })
  .step('c', { dependsOn: ['a'], retryLimit: 6 }, (context) => {
    haveEffect(context);
    if (context.input.doomed) throw new PermanentError('doomed');
    if (context.attempt === 1) throw new Error('the first time never works');
    return 'c';
  })
  .step('d', { dependsOn: ['b', 'c'] }, (context) => {
    haveEffect(context);
    return 'd';
  });
