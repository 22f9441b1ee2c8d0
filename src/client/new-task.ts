import { InvalidInputError } from '../errors.ts';
import type { InputOf, WorkflowDefinition } from '../workflow/definition.ts';
import { identityHash } from '../workflow/identity.ts';
import { validateInput, type ValidationOptions } from '../workflow/validate-input.ts';
import { LEAST_URGENT, MOST_URGENT } from '../workflow/priority.ts';
import { reuseAfterProblem, type ReuseOptions, reuseProblem } from '../workflow/reuse.ts';
import { checkedText, checkedTexts, checkedWhole } from './checked.ts';
import type { UnboundTask } from './definitions.ts';

/** What a submit can say besides the input. `reuse` and `reuseAfterSeconds`: instead of the definition's. */
export interface SubmitOptions extends ReuseOptions {
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
    ...checkedReuse(definition, request),
  };
}

/** The rule of the submit, or else that of the definition. */
function checkedReuse(definition: WorkflowDefinition, request: SubmitOptions): ReuseOptions {
  const reuse = request.reuse ?? definition.reuse ?? 'never';
  const reuseAfterSeconds = request.reuseAfterSeconds ?? definition.reuseAfterSeconds ?? 0;
  const refuse = (field: keyof ReuseOptions, problem: string | undefined): void => {
    if (problem !== undefined) throw new InvalidInputError(`${field} ${problem}`, { field });
  };
  refuse('reuse', reuseProblem(reuse));
  refuse('reuseAfterSeconds', reuseAfterProblem(reuseAfterSeconds));
  if (reuse === 'never') {
    if (request.reuseAfterSeconds === undefined) return {};
    refuse('reuseAfterSeconds', 'is set without reuse: set reuse to afterFailure or afterEnd');
  }
  if (definition.identity === 'unique') {
    refuse(
      'reuse',
      `is "${reuse}", but the identity of workflow ${definition.namespace}/${definition.name} is "unique", so each submit is a new task anyway: leave it out`,
    );
  }
  return { reuse, ...(reuseAfterSeconds === 0 ? {} : { reuseAfterSeconds }) };
}
