import { z } from 'zod';
import { defineWorkflow } from '../../src/index.ts';

export const scored = defineWorkflow({ namespace: 'cli', name: 'scored', input: z.unknown() })
  .step('load', () => 1)
  .step('score', { dependsOn: ['load'], queue: 'scoring' }, () => 2);
