import { z } from 'zod';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Ways in which a handler crashes its whole process. */
const CRASHES = {
  sigkill: () => process.kill(process.pid, 'SIGKILL'),
  out_of_memory: () => {
    const held: unknown[] = [];
    for (;;) held.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
  },
  endless_loop: () => {
    for (;;);
  },
  exit: () => process.exit(7),
  abort: () => process.abort(),
  rejection: () => {
    void Promise.reject(new Error('nobody waits for this'));
    return later(5000);
  },
  late_throw: () => {
    setTimeout(() => {
      throw new Error('thrown where nobody could catch it');
    }, 10);
    return later(5000);
  },
};

export const KINDS = Object.keys(CRASHES) as (keyof typeof CRASHES)[];

export const poison = defineWorkflow({ name: 'poison', input: z.object({ kind: z.enum(KINDS) }) }).step(
  'pill',
  { timeoutSeconds: 1 },
  async ({ input }) => {
    // Until then its neighbours have begun.
    await later(300);
    await CRASHES[input.kind]();
    return 'survived';
  },
);

export const neighbour = defineWorkflow({ name: 'neighbour', input: z.unknown() }).step(
  'work',
  { timeoutSeconds: 5 },
  async ({ signal }) => {
    for (let tick = 0; tick < 8 && !signal.aborted; tick += 1) await later(100);
    return 'done';
  },
);
