import { InvalidInputError } from '../errors.ts';
import type { InputOf, WorkflowDefinition } from '../workflow/definition.ts';
import { identityHash } from '../workflow/identity.ts';
import { validateInput, type ValidationOptions } from '../workflow/validate-input.ts';
import { LEAST_URGENT, MOST_URGENT } from '../workflow/priority.ts';
import { checkedText, checkedTexts, checkedWhole } from './checked.ts';
import type { UnboundTask } from './definitions.ts';

/** What a submit can say besides the input. */
export interface SubmitOptions {
  /** Required by workflows whose identity is `caller_key`: an order number, a message id. */
  key?: string;
  /** For all steps of the task, instead of the definition's priorities; lower runs sooner. */
  priority?: number;
  /** Free texts, for readers and filters; they do not change how the task runs. */
  tags?: readonly string[];
  reason?: string;
  initiator?: string;
  sourceSystem?: string;
  /** Names of skippable steps that this task bypasses: their handlers are not called. */
  bypassSteps?: readonly string[];
}

/** One task of `submitMany`. */
export type SubmitRequest<Definition extends WorkflowDefinition = WorkflowDefinition> = SubmitOptions & {
  input: InputOf<Definition>;
};

/** Checks a request against its workflow and turns it into a row. Throws InvalidInputError naming the field. */
export async function newTask(
  definition: WorkflowDefinition,
  request: SubmitOptions & { input: unknown },
  validation: ValidationOptions = {},
): Promise<UnboundTask> {
  const input = await validateInput(definition, request.input, validation);
  const { priority, bypassSteps } = request;
  if (priority !== undefined) checkedWhole('priority', priority, MOST_URGENT, LEAST_URGENT, ', lower runs sooner');
  for (const field of ['reason', 'initiator', 'sourceSystem'] as const) checkedText(field, request[field]);
  checkedTexts('tags', request.tags);
  for (const name of bypassSteps ?? []) {
    const step = definition.steps.find((candidate) => candidate.name === name);
    const skippable = definition.steps.filter((candidate) => candidate.skippable).map((candidate) => candidate.name);
    if (step?.skippable !== true) {
      throw new InvalidInputError(
        `bypassSteps names "${name}", which is ${step === undefined ? 'no step' : 'not skippable'} in workflow ${definition.namespace}/${definition.name}: skippable are ${skippable.join(', ') || 'none'}`,
        { field: 'bypassSteps' },
      );
    }
  }
  return {
    identityHash: identityHash(definition, { input, key: request.key }),
    context: JSON.stringify(input),
    priority,
    initiator: request.initiator,
    sourceSystem: request.sourceSystem,
    reason: request.reason,
    tags: request.tags,
    bypassSteps,
  };
}
