/** Workflows for tests of crashAtEveryBoundary: what its workers load. */
import { z } from 'zod';
import { effects } from '../../../src/testing/index.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';

/** `charge` pays under the key of its step; `mail` sends whenever it runs. */
export const checkout = defineWorkflow({
  namespace: 'shop',
  name: 'checkout',
  identity: 'content_hash',
  input: z.object({ order: z.string() }),
})
  .step('charge', ({ input, idempotencyKey }) => {
    effects.record('charge card', { key: idempotencyKey, value: input.order });
    return input.order;
  })
  .step('mail', { dependsOn: ['charge'] }, () => {
    effects.record('send mail');
  });

/** Idempotent throughout; its only flaw is a step that may run once only. */
export const onlyOnce = defineWorkflow({ name: 'only_once', input: z.null() }).step(
  'print',
  { retryable: false },
  ({ idempotencyKey }) => effects.record('print label', { key: idempotencyKey }),
);
