/** What users of the library and the other rooms take from here. */
export { type Dag, type DagNode, analyzeDag, MAX_EDGES, MAX_STEPS } from './analyze-dag.ts';
export { buildDefinition, type StepInput } from './build-definition.ts';
export { definitionConfiguration, definitionHash } from './configuration.ts';
export { defineWorkflow, type Workflow, type WorkflowOptions } from './define-workflow.ts';
export type {
  IdentityStrategy,
  InputOf,
  RawTexts,
  ResultsOf,
  StepContext,
  StepDefaults,
  StepHandler,
  StepLogger,
  StepOptions,
  StepTemplate,
  WorkflowDefinition,
} from './definition.ts';
export { describeThrown, type ThrownDescription } from './describe-thrown.ts';
export { identityHash } from './identity.ts';
export type { Json, JsonObject, Jsonify } from './json.ts';
export { backoffWindowSeconds, type BackoffPolicy, canRetry } from './retry-policy.ts';
export { createRegistry, type WorkflowReference, type WorkflowRegistry } from './registry.ts';
export type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts';
export {
  CAUSES,
  type Cause,
  isFinal,
  isLegalTransition,
  satisfiesDependency,
  type State,
  stateDiagram,
  STATES,
  STEP_TRANSITIONS,
  type StepState,
  TASK_TRANSITIONS,
  type TaskState,
  type Transition,
} from './states.ts';
export { type StorableJson, type StorableOptions, toStorableJson } from './to-storable-json.ts';
export { validateInput, type ValidationOptions } from './validate-input.ts';
