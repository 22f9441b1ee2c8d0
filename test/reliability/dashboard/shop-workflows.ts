import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { PermanentError } from '../../../src/errors.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';

/** The bank is closed as long as there is a file at BANK_CLOSED_FILE. */
const isClosed = (): boolean => existsSync(process.env['BANK_CLOSED_FILE'] ?? '');

/** An order whose card may have expired, at a bank that may be closed. It is shipped in a queue of its own. */
export const checkout = defineWorkflow({
  name: 'checkout',
  namespace: 'shop',
  input: z.object({
    order: z.string().describe('As it is on the invoice.'),
    amount: z.number().positive(),
    card: z.enum(['expired', 'good']),
  }),
})
  .step('validate', async ({ input }) => {
    // For whoever watches.
    if (input.card === 'expired') await sleep(400);
    return input.order;
  })
  .step('charge', { dependsOn: ['validate'] }, ({ input }) => {
    if (input.card === 'expired') throw new PermanentError('the card has expired');
    if (isClosed()) throw new PermanentError('the bank is closed');
    return input.amount;
  })
  .step('ship', { dependsOn: ['charge'], queue: 'shipping' }, () => 'on its way');
