/** `tasker-fleet/workflow`: to define workflows and the errors that handlers throw. Loads no driver and no server. */
export { PermanentError, RetryableError, TaskerError, WorkflowDefinitionError } from '../errors.ts';
export type { AnyJson } from '../workflow/any-json.ts';
export { analyzeDag, type Dag, type DagNode } from '../workflow/analyze-dag.ts';
export { buildDefinition, type StepInput } from '../workflow/build-definition.ts';
export { defineWorkflow, type Workflow, type WorkflowOptions } from '../workflow/define-workflow.ts';
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
} from '../workflow/definition.ts';
export type { StoredError } from '../workflow/describe-thrown.ts';
export type { Json, Jsonify } from '../workflow/json.ts';
export type { ReuseOptions, ReuseRule } from '../workflow/reuse.ts';
export type { SchemaInput, SchemaOutput, StandardSchema } from '../workflow/standard-schema.ts';
export type { StepContextOf } from '../workflow/step-context-of.ts';
