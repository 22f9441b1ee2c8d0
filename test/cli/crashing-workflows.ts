import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

/** One step throws after its handler has returned, so that no caller can catch it; the other is still running then. */
export const late = defineWorkflow({ name: 'late', input: z.unknown() })
  .step('throws_late', () => {
    setTimeout(() => {
      throw new Error('thrown late');
    }, 300);
  })
  .step('long', () => new Promise<null>(() => undefined));
