import { z } from 'zod';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';

const TICK_MS = 20;
/** A pause of this length between two ticks means that the process was stopped and continued. */
const STOPPED_MS = 700;

async function untilContinued(): Promise<void> {
  for (;;) {
    const before = performance.now();
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    if (performance.now() - before > STOPPED_MS) return;
  }
}

/** In the zombie each attempt lasts until the process has been stopped and continued, and then ends as its input says; in the successor at once. */
export const zombieSteps = defineWorkflow({
  name: 'zombie_steps',
  input: z.object({ ends: z.enum(['complete', 'fail', 'release']) }),
}).step('step', async ({ input, signal }) => {
  if (process.env['ZOMBIE'] !== 'yes') return 'heir';
  await untilContinued();
  if (input.ends === 'complete') return 'zombie';
  if (input.ends === 'fail') throw new Error('a zombie’s error');
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
});
