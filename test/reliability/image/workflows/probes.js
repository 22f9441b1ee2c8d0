// Mounted into the image's /app/workflows: what the image tests drive. Its imports are the ones that users write.
import { existsSync } from 'node:fs';
import { defineWorkflow } from 'tasker-fleet';
import { z } from 'zod';

/** A step that runs until the file that its task names appears in the mounted folder. */
const gate = z.object({ gate: z.string() });
export const gated = defineWorkflow({ namespace: 'image', name: 'gated', version: '1.0.0', input: gate })
  .step('wait', { timeoutSeconds: 120 }, async ({ input, signal }) => {
    while (!existsSync(`/app/workflows/gates/${input.gate}`)) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { opened: input.gate };
  })
  .step('after', { dependsOn: ['wait'] }, () => ({ done: true }));

/** A step that takes memory until something stops it. */
export const glutton = defineWorkflow({
  namespace: 'image',
  name: 'glutton',
  version: '1.0.0',
  input: z.object({ meal: z.number() }),
}).step('eat', { retryLimit: 1, queue: 'glutton' }, async () => {
  const eaten = [];
  // Bounded, so that a container without a limit cannot take the machine down.
  for (let i = 0; i < 100; i += 1) {
    eaten.push(Buffer.alloc(20_000_000, 1));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return { eaten: eaten.length };
});
