import type { Executor } from '../db/connections/database.ts';
import { findWorkflowDetails, type WorkflowDetailsRow } from '../db/reads/workflow-details.ts';
import { InvalidInputError } from '../errors.ts';
import { compareVersions } from '../workflow/compare-versions.ts';
import type { Json } from '../workflow/json.ts';

/** A step of a registered workflow, with every option resolved. */
export interface WorkflowStep {
  name: string;
  description: string | null;
  depends_on: string[];
  queue: string;
  priority: number;
  retryable: boolean;
  retry_limit: number;
  /** Null: the fleet's own limit is used. */
  timeout_seconds: number | null;
  skippable: boolean;
}

/** A version of a workflow as it is registered. */
export interface WorkflowDetails {
  namespace: string;
  workflow: string;
  version: string;
  description: string | null;
  /** Every version that is registered, the newest first. */
  versions: string[];
  /** False: Tasker (Ruby) registered it, and no worker has served it yet; then it has no steps here. */
  registered: boolean;
  identity: string | null;
  /** JSON Schema (2020-12) of the input. Null: the library of its schema has none. */
  input_schema: Json;
  /** In topological order. */
  steps: WorkflowStep[];
  /** Ids of the live workers that serve it. */
  workers: string[];
  /** The messages of live workers that refuse it, each message once. */
  problems: string[];
}

/** Which workflow: its name, with a namespace if several have it, and a version if it is not the newest. */
export interface WorkflowReference {
  namespace?: string | undefined;
  name: string;
  version?: string | undefined;
}

/** A version of a workflow, the newest by default; undefined if there is none. Throws InvalidInputError if the name is in several namespaces. */
export async function readWorkflowDetails(
  db: Executor,
  reference: WorkflowReference,
): Promise<WorkflowDetails | undefined> {
  const { namespace, name } = reference;
  return chooseDetails(await db.run(findWorkflowDetails, { namespace, name }), reference);
}

/** The same of rows that were read before: versions of workflows of that name. */
export function chooseDetails(
  rows: readonly WorkflowDetailsRow[],
  { name, version }: Omit<WorkflowReference, 'namespace'>,
): WorkflowDetails | undefined {
  const namespaces = [...new Set(rows.map((row) => row.namespace))];
  if (namespaces.length > 1) {
    throw new InvalidInputError(
      `workflow ${name} is in the namespaces ${namespaces.join(' and ')}: write one of them before it, as in ${String(namespaces[0])}/${name}`,
      { field: 'name' },
    );
  }
  const newestFirst = rows.toSorted((a, b) => compareVersions(b.version, a.version));
  const found = version === undefined ? newestFirst[0] : newestFirst.find((row) => row.version === version);
  if (found === undefined) return undefined;
  const { configuration, ...row } = found;
  return {
    ...row,
    versions: newestFirst.map((each) => each.version),
    identity: configuration.identity ?? null,
    steps: found.registered ? (configuration.steps ?? []).map(stepOf) : [],
  };
}

type StoredStep = NonNullable<WorkflowDetailsRow['configuration']['steps']>[number];

/** The configuration is what this library wrote (`definitionConfiguration`). */
function stepOf(stored: StoredStep): WorkflowStep {
  const step = stored as unknown as WorkflowStep;
  return {
    name: step.name,
    description: step.description ?? null,
    depends_on: step.depends_on,
    queue: step.queue,
    priority: step.priority,
    retryable: step.retryable,
    retry_limit: step.retry_limit,
    timeout_seconds: step.timeout_seconds,
    skippable: step.skippable,
  };
}
