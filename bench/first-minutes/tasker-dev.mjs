import { defineWorkflow } from 'tasker-fleet';

export const hello = defineWorkflow({ name: 'hello' }).step('greet', ({ input, log }) =>
  log.info(`hello ${input.name}`),
);
