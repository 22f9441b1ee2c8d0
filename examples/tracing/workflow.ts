import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { z } from 'zod';
import { defineWorkflow } from '../../src/index.ts';

const tracer = trace.getTracer('shop');

/** What an instrumentation of a library does by itself: a span for each call, below the active one. */
async function call(name: string, ms: number): Promise<void> {
  await tracer.startActiveSpan(name, async (span) => {
    await sleep(ms);
    span.end();
  });
}

/** The bank is away for the first attempt. */
export const order = defineWorkflow({
  namespace: 'shop',
  name: 'order',
  identity: 'unique',
  input: z.object({ amount: z.number() }),
})
  .step('price', async ({ input }) => {
    await call('SELECT prices', 5);
    return input.amount * 1.2;
  })
  .step('pay', { dependsOn: ['price'], backoff: { initialSeconds: 0.2 } }, async ({ attempt, log }) => {
    await call('POST /charges', 20);
    if (attempt === 1) throw new Error('the bank is away');
    log.info('paid');
    return 'ch_1';
  })
  .step('mail', { dependsOn: ['price'] }, () => call('SMTP', 10))
  .step('ship', { dependsOn: ['pay', 'mail'] }, () => call('POST /parcels', 15));
