import { existsSync } from 'node:fs';
import { z } from 'zod';
import { PermanentError } from '../../../src/errors.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import { haveEffect } from '../support/effects.ts';

/**
 * a -> (b, c) -> d. c fails at its first attempt, and permanently if the input is doomed. While the file that HOLD_FILE names exists,
 * b has no effect and waits to be aborted.
 */
export const matrixOf = (version: string) =>
  defineWorkflow({ name: 'matrix', version, input: z.object({ doomed: z.boolean().default(false) }) })
    .step('a', (context) => {
      haveEffect(context);
      return 'a';
    })
    .step('b', { dependsOn: ['a'], retryLimit: 6 }, async (context) => {
      if (existsSync(process.env['HOLD_FILE'] ?? '')) {
        await new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason)));
      }
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

export const matrix = matrixOf('0.1.0');
