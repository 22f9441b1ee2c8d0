import { z } from 'zod';
import { PermanentError, RetryableError } from '../../../src/errors.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';

const input = z.object({ n: z.number(), text: z.string(), none: z.null() });

/** Four steps that pass on values which hostile settings would change: fractions, quotes, backslashes, nulls. */
export const diamond = defineWorkflow({ namespace: 'sessions', name: 'diamond', input })
  .step('a', ({ input: given }) => ({ ...given, half: given.n / 3, list: [null, '\\', "it's"] }))
  .step('b', { dependsOn: ['a'] }, ({ parents }) => parents.a)
  .step('c', { dependsOn: ['a'] }, ({ parents }) => parents.a)
  .step('d', { dependsOn: ['b', 'c'] }, ({ parents }) => parents);

export const flaky = defineWorkflow({ namespace: 'sessions', name: 'flaky', input }).step('once', ({ attempt }) => {
  if (attempt === 1) throw new RetryableError('not yet', { retryAfter: 0.1 });
  return attempt;
});

/** Fails permanently at its first attempt; an operator's retry succeeds. */
export const stubborn = defineWorkflow({ namespace: 'sessions', name: 'stubborn', input }).step(
  'once',
  ({ attempt }) => {
    if (attempt === 1) throw new PermanentError('no');
    return attempt;
  },
);

/** In a queue that no worker serves. */
export const unserved = defineWorkflow({ namespace: 'sessions', name: 'unserved', input }).step(
  'never',
  { queue: 'nobody' },
  () => 0,
);
