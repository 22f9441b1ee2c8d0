import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

export const order = defineWorkflow({ name: 'order', identity: 'caller_key', input: z.unknown() }).step('a', () => 1);
