import { z } from 'zod';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import { haveEffect } from '../support/effects.ts';

/** step_1 -> (step_2, step_3) -> step_4; step_3 may run once. */
export const order = defineWorkflow({ name: 'inherited_order', version: '1.0.0', input: z.unknown() })
  .step('step_1', (context) => haveEffect(context))
  .step('step_2', { dependsOn: ['step_1'] }, (context) => haveEffect(context))
  .step('step_3', { dependsOn: ['step_1'], retryable: false }, (context) => haveEffect(context))
  .step('step_4', { dependsOn: ['step_2', 'step_3'] }, (context) => haveEffect(context));

/** The graph of some open tasks of version 1.0.0: a line. */
export const line = defineWorkflow({ name: 'inherited_order', version: '1.0.9001', input: z.unknown() })
  .step('step_1', (context) => haveEffect(context))
  .step('step_2', { dependsOn: ['step_1'] }, (context) => haveEffect(context));

/** Registered in the test with another step: refused in every worker. */
export const refused = defineWorkflow({ name: 'inherited_refused', version: '1.0.0', input: z.unknown() })
  .step('step_1', (context) => haveEffect(context))
  .step('step_2', (context) => haveEffect(context));
