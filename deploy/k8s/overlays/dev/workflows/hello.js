import { defineWorkflow } from 'tasker-fleet';
import { z } from 'zod';

// kubectl -n tasker-fleet exec deploy/tasker-worker -c worker -- tasker submit dev/hello --workflows workflows/hello.js --input '{"name":"you"}' --wait
export const hello = defineWorkflow({ namespace: 'dev', name: 'hello', version: '1.0.0', input: z.object({ name: z.string() }) })
  .step('greet', ({ input }) => ({ greeting: `Hello, ${input.name}` }))
  .step('shout', { dependsOn: ['greet'] }, ({ parents }) => ({ shouted: parents.greet.greeting.toUpperCase() }));
