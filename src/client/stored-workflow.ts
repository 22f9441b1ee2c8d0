import { findStoredDefinitions, findWorkflowNames, type StoredDefinitionRow } from '../db/reads/workflows.ts';
import type { Database } from '../db/connections/database.ts';
import { submit, submitIn, type Submitted } from '../engine/submit.ts';
import { UnknownWorkflowError } from '../errors.ts';
import { compareVersions } from '../workflow/compare-versions.ts';
import type { IdentityStrategy, StepTemplate, WorkflowDefinition } from '../workflow/definition.ts';
import type { JsonObject } from '../workflow/json.ts';
import { didYouMean } from '../workflow/did-you-mean.ts';
import type { ReuseRule } from '../workflow/reuse.ts';
import type { StandardSchema } from '../workflow/standard-schema.ts';
import type { InTransaction } from './client-options.ts';
import type { ClientParts } from './client-parts.ts';
import { openTransaction } from './in-transaction.ts';
import { newTask, type SubmitOptions } from './new-task.ts';

/** A workflow by its names. */
export interface WorkflowByName {
  namespace: string;
  workflow: string;
  /** Default: the newest that a live worker serves, or else the newest. */
  version?: string | undefined;
}

/** What became of a submit, and under which version. */
export type SubmittedByName = Submitted & { version: string };

/** A definition as the database has it: nothing of it can be run here, and its schema is the stored one. */
export interface StoredWorkflow {
  readonly namedTaskId: number;
  readonly definition: WorkflowDefinition;
}

/** Submits to a workflow of which this process has no code, in one statement. */
export async function submitStored(
  { db, notifications, validation }: Pick<ClientParts, 'db' | 'notifications' | 'validation'>,
  workflow: WorkflowByName,
  requests: readonly (SubmitOptions & { input: unknown })[],
  { transaction }: InTransaction,
): Promise<SubmittedByName[]> {
  const { namedTaskId, definition } = await loadStored(db, workflow);
  const tasks = [];
  for (const request of requests) tasks.push({ ...(await newTask(definition, request, validation)), namedTaskId });
  const submitted =
    transaction === undefined
      ? await submit(db, tasks, definition)
      : await submitIn(await openTransaction(transaction, db), tasks, definition);
  notifications.created(definition, submitted, { transaction });
  return submitted.map((one) => ({ ...one, version: definition.version }));
}

/** A registered workflow. Throws UnknownWorkflowError. */
export async function loadStored(db: Database, reference: WorkflowByName): Promise<StoredWorkflow> {
  const { namespace, workflow: name, version } = reference;
  const rows = await db.run(findStoredDefinitions, { namespace, name });
  const row = choose(rows, version);
  const asked = `${namespace}/${name}${version === undefined ? '' : ` ${version}`}`;
  const refused = (problem: string): UnknownWorkflowError =>
    new UnknownWorkflowError(`workflow ${asked} ${problem}`, { namespace, name, version });
  if (row === undefined) {
    const versions = rows.map((each) => each.version).join(', ');
    if (versions !== '') throw refused(`is not registered: registered are ${versions}`);
    const names = (await db.run(findWorkflowNames, { namespace })).map((each) => each.name);
    const hint = didYouMean(name, names);
    throw refused(
      hint === '' ? 'is not registered in this database: start a worker that has it' : `is not registered${hint}`,
    );
  }
  const { configuration } = row;
  if (!row.registered || configuration === null)
    throw refused('was taken over from Tasker (Ruby), and no worker has registered it yet: start one that has it');
  if (row.input_schema === null) {
    throw refused(
      'has no JSON Schema of its input in the database, so no input can be checked: submit with its code, or start a worker of this version whose schema library has one (zod 4 has)',
    );
  }
  return { namedTaskId: row.named_task_id, definition: await definitionOf(reference, row, configuration) };
}

function choose(rows: readonly StoredDefinitionRow[], version: string | undefined): StoredDefinitionRow | undefined {
  if (version !== undefined) return rows.find((row) => row.version === version);
  const newestFirst = rows.toSorted((a, b) => compareVersions(b.version, a.version));
  return newestFirst.find((row) => row.served) ?? newestFirst[0];
}

async function definitionOf(
  { namespace, workflow: name }: WorkflowByName,
  row: StoredDefinitionRow,
  configuration: Record<string, unknown>,
): Promise<WorkflowDefinition> {
  const steps = configuration['steps'] as readonly Record<string, unknown>[];
  // Only what a submit reads of a step.
  const templates = steps.map((step) => ({
    name: step['name'],
    skippable: step['skippable'],
    queue: step['queue'],
    parentOrdinals: step['depends_on'],
  })) as unknown as readonly StepTemplate[];
  const reuse = configuration['reuse'] as ReuseRule | undefined;
  const reuseAfterSeconds = configuration['reuse_after_seconds'] as number | undefined;
  return {
    namespace,
    name,
    version: row.version,
    description: row.description ?? undefined,
    inputSchema: await schemaOf(row.input_schema as string, `${namespace}/${name} ${row.version}`),
    identity: configuration['identity'] as IdentityStrategy,
    ...(reuse === undefined ? {} : { reuse }),
    ...(reuseAfterSeconds === undefined ? {} : { reuseAfterSeconds }),
    steps: templates,
    schedules: [],
  };
}

/** Schemas as texts recur: each is read once. Bounded, for fleets that register many. */
const schemas = new Map<string, StandardSchema>();
const MOST_SCHEMAS = 500;

async function schemaOf(text: string, asked: string): Promise<StandardSchema> {
  const known = schemas.get(text);
  if (known !== undefined) return known;
  // Loaded by those alone that submit without code.
  const { fromJsonSchema } = await import('../workflow/json-schema.ts');
  const read = fromJsonSchema(JSON.parse(text) as JsonObject);
  if (!read.ok) {
    const [problem] = read.problems;
    throw new UnknownWorkflowError(
      `workflow ${asked} has an input that its JSON Schema alone cannot check (${problem?.path.join('.')} ${problem?.message}): submit with its code`,
    );
  }
  if (schemas.size >= MOST_SCHEMAS) schemas.clear();
  schemas.set(text, read.schema);
  return read.schema;
}
