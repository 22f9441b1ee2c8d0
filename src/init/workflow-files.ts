/** The workflow of a new project, and its test. */

export const WORKFLOW = `import { defineWorkflow, PermanentError, RetryableError } from 'tasker-fleet';
import { z } from 'zod';

const prices = new Map([
  ['coffee', 450],
  ['tea', 350],
]);

/** What happens to an order. Change a step and save: \`npx tasker dev\` runs the new code. */
export const checkout = defineWorkflow({
  namespace: 'shop',
  name: 'checkout',
  version: '1.0.0',
  input: z.object({ item: z.string().meta({ examples: ['coffee'] }), quantity: z.int().positive().default(1) }),
})
  .step('price', ({ input }) => {
    const price = prices.get(input.item);
    // No further attempt would help.
    if (price === undefined) throw new PermanentError(\`there is no \${input.item}\`);
    return { cents: price * input.quantity };
  })
  .step('stock', async ({ input }) => ({ reserved: input.quantity }))
  // Runs when both are done, with their results.
  .step('pay', { dependsOn: ['price', 'stock'], retryLimit: 5, timeoutSeconds: 20 }, async (step) => {
    // The first attempt fails, to show what a retry is. Take this line out.
    if (step.attempt === 1) throw new RetryableError('the payment provider is busy', { retryAfter: 1 });
    // The key is the same at every attempt: pass it on, so that nobody is charged twice.
    return { charged: step.parents.price.cents, key: step.idempotencyKey };
  })
  .step('notify', { dependsOn: ['pay'] }, async ({ input, parents, log }) => {
    log.info(\`\${input.quantity} x \${input.item}: \${parents.pay.charged} cents are paid\`);
  });
`;

export const TEST = `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWorkflow } from 'tasker-fleet/testing';
import { checkout } from './checkout.ts';

// In memory, without a database, and in virtual time: waiting for a retry takes no time.

test('an order is charged once, whatever fails on the way', async () => {
  const run = await runWorkflow(checkout, { input: { item: 'coffee', quantity: 2 } });
  assert.equal(run.state, 'complete');
  assert.equal(run.results.pay?.charged, 900);
  assert.equal(run.steps.pay.attempts, 2);
});

test('an item that does not exist is not paid', async () => {
  const run = await runWorkflow(checkout, { input: { item: 'gold' } });
  assert.equal(run.state, 'error');
  assert.equal(run.steps.pay.attempts, 0);
});
`;
