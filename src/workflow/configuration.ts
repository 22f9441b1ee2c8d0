import { hashJson } from './canonical-json.ts';
import type { StepTemplate, WorkflowDefinition } from './definition.ts';
import type { JsonObject } from './json.ts';

/**
 * What the database stores of a definition (`tasker_named_tasks.configuration`): everything but the handlers and the input
 * schema, which are code. Plain JSON, keys in snake_case.
 */
export function definitionConfiguration(definition: WorkflowDefinition): JsonObject {
  return {
    namespace: definition.namespace,
    name: definition.name,
    version: definition.version,
    ...(definition.description === undefined ? {} : { description: definition.description }),
    identity: definition.identity,
    // Written only if they are set, so that the hash of definitions without them did not change.
    ...(definition.reuse === undefined ? {} : { reuse: definition.reuse }),
    ...(definition.reuseAfterSeconds === undefined ? {} : { reuse_after_seconds: definition.reuseAfterSeconds }),
    ...(definition.keep === undefined ? {} : { keep: { ...definition.keep } }),
    steps: definition.steps.map(stepConfiguration),
  };
}

function stepConfiguration(step: StepTemplate): JsonObject {
  return {
    name: step.name,
    ordinal: step.ordinal,
    depends_on: step.dependsOn.toSorted(),
    // Written only if it is set, so that the hash of definitions without it did not change.
    ...(step.uses === undefined ? {} : { uses: step.uses.toSorted() }),
    queue: step.queue,
    priority: step.priority,
    retryable: step.retryable,
    retry_limit: step.retryLimit,
    backoff: {
      max_seconds: step.backoff.maxSeconds ?? null,
      // Written only if it is set, so that the hash of definitions without it did not change.
      ...(step.backoff.initialSeconds === undefined ? {} : { initial_seconds: step.backoff.initialSeconds }),
    },
    timeout_seconds: step.timeoutSeconds ?? null,
    skippable: step.skippable,
    ...(step.description === undefined ? {} : { description: step.description }),
    ...(step.handlerConfig === undefined ? {} : { handler_config: step.handlerConfig }),
  };
}

/**
 * Changes when anything in the configuration changes, and is the same in every process: a definition that was changed under
 * the same version is noticed by it. Handlers and schemas are not part of it.
 */
export function definitionHash(definition: WorkflowDefinition): string {
  return hashJson(definitionConfiguration(definition));
}
