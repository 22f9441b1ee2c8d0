import { defineWorkflow } from 'tasker-fleet';
import { z } from 'zod';

export const hello = defineWorkflow({ name: 'hello', input: z.object({ name: z.string() }) }).step(
  'greet',
  ({ input, log }) => log.info(`hello ${input.name}`),
);
