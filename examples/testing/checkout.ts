import { z } from 'zod';
import { defineWorkflow, PermanentError } from '../../src/index.ts';
import { world } from './world.ts';

export const checkout = defineWorkflow({
  namespace: 'shop',
  name: 'checkout',
  version: '1.0.0',
  input: z.object({ email: z.email(), amount: z.number() }),
})
  .step('reserve', ({ input }) => {
    if (input.amount > 1000) throw new PermanentError('not that much in stock');
    return { shelf: 7 };
  })
  .step('charge', { dependsOn: ['reserve'], retryLimit: 5, timeoutSeconds: 30 }, async ({ input, idempotencyKey }) =>
    world.charge({ key: idempotencyKey, amount: input.amount }),
  )
  .step('mail', { dependsOn: ['charge'] }, async ({ input, parents, idempotencyKey }) =>
    world.sendMail({ key: idempotencyKey, to: input.email, text: `Thank you: ${parents.charge.receipt}` }),
  );
