import {
  readSourceStepNames,
  readSourceTemplates,
  readSourceWorkflows,
  readSourceWorkflowVersions,
} from '../db/statements/imports/source.ts';
import type { WorkflowName } from '../workflow/definition.ts';
import { type NameMap, type Names, resolveNames } from './names.ts';
import { read, type Source } from './source.ts';

export interface StepDefaults {
  skippable: boolean;
  retryable: boolean;
  retryLimit: number;
}

/** A workflow of Tasker (Ruby) under its name here. */
export interface SourceWorkflow extends WorkflowName {
  namedTaskId: number;
  /** As there: `payments/settle 1.0.0`, or a name alone. */
  sourceName: string;
  description: string | null;
  /** JSON text. */
  configuration: string | null;
  /** By the name of the step here. */
  defaults: Map<string, StepDefaults>;
  /** The graph to which the version belongs; tasks of others get versions of their own. */
  mainGraph?: string;
}

export interface Registry {
  workflows: Map<number, SourceWorkflow>;
  names: Names;
}

/** Reads every workflow and gives it, and its steps, legal names. Throws InvalidInputError if two would have one name. */
export async function readRegistry(source: Source, given: NameMap, defaultNamespace: string): Promise<Registry> {
  const rows = await read(source, source.class === 'D' ? readSourceWorkflowVersions : readSourceWorkflows, []);
  const steps = await read(source, readSourceStepNames, []);
  const names = resolveNames({ workflows: rows, steps: steps.map(({ name }) => name), given, defaultNamespace });
  const templates = Map.groupBy(await read(source, readSourceTemplates, []), (row) => row.named_task_id);
  const workflows = rows.map((row): [number, SourceWorkflow] => [
    row.named_task_id,
    {
      ...(names.workflows.get(row.named_task_id) as WorkflowName),
      namedTaskId: row.named_task_id,
      sourceName: names.sourceNames.get(row.named_task_id) as string,
      description: row.description,
      configuration: row.configuration,
      defaults: new Map(
        (templates.get(row.named_task_id) ?? []).map((template) => [
          names.stepNameOf(template.name),
          {
            skippable: template.skippable,
            retryable: template.default_retryable,
            retryLimit: template.default_retry_limit,
          },
        ]),
      ),
    },
  ]);
  return { workflows: new Map(workflows), names };
}
