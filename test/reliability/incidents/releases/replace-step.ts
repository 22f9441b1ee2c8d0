import { orderFulfillment } from '../../../../examples/order-fulfillment/workflow.ts';
import type { StepTemplate, WorkflowDefinition } from '../../../../src/workflow/definition.ts';

/** The workflow of the order example as another release has it: one step is different. */
export function releaseOf(step: string, changed: Partial<StepTemplate>, version?: string): WorkflowDefinition {
  const { steps } = orderFulfillment;
  return {
    ...orderFulfillment.build(),
    ...(version === undefined ? {} : { version }),
    steps: steps.map((each) => (each.name === step ? { ...each, ...changed } : each)),
  };
}
