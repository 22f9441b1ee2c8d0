import type { Executor } from '../db/connections/database.ts';
import {
  findVersionsWithSteps,
  insertImportedVersion,
  type VersionRow,
} from '../db/statements/imports/import-versions.ts';
import { insertNamedSteps, upsertStepTemplates } from '../db/statements/workflows/register-workflow.ts';
import { FIRST_OTHER_PATCH, freeVersion } from '../engine/other-version.ts';
import type { MappedTask } from './mapped-task.ts';
import { graphOf, graphOfVersion, inOrder } from './shape.ts';
import type { SourceWorkflow } from './workflows.ts';

/** The version of a workflow that a task gets here, with the order of its steps. */
export interface Target {
  namedTaskId: number;
  version: string;
  steps: Map<string, VersionRow['steps'][number]>;
}

/**
 * Finds the versions of workflows that have the graphs of tasks, or makes them, in one transaction in which the registry is locked:
 * a worker that registers a workflow may give its steps another order.
 */
export class Versions {
  readonly #tx: Executor;
  readonly #known = new Map<string, Map<string, Target>>();
  readonly #rows = new Map<string, VersionRow[]>();

  constructor(tx: Executor) {
    this.#tx = tx;
  }

  async of(workflow: SourceWorkflow, task: MappedTask): Promise<Target> {
    const name = `${workflow.namespace}/${workflow.name} ${workflow.version}`;
    const graph = graphOf(task.steps);
    const known = this.#known.get(name) ?? new Map<string, Target>();
    this.#known.set(name, known);
    const target = known.get(graph) ?? toTarget(await this.#find(workflow, graph, task));
    known.set(graph, target);
    return target;
  }

  /** The version itself, if it has the graph or is free; otherwise a version that was made for such tasks, or a new one. */
  async #find(workflow: SourceWorkflow, graph: string, task: MappedTask): Promise<VersionRow> {
    const rows = await this.#versionsOf(workflow);
    const own = rows.find((row) => row.version === workflow.version);
    if (own !== undefined && (graphOfVersion(own) === graph || task.steps.length === 0)) return own;
    // Tasks without steps came first: the version is still without a graph.
    const isEmpty = own?.definition_hash === null && own.steps.length === 0;
    if (isEmpty && (workflow.mainGraph ?? graph) === graph) return this.#insert(workflow, workflow.version, task);
    if (own === undefined && (workflow.mainGraph === undefined || workflow.mainGraph === graph || graph === ''))
      return this.#insert(workflow, workflow.version, task);
    const [major, minor] = workflow.version.split('.');
    const same = rows.find((row) => {
      const [otherMajor, otherMinor, patch] = row.version.split('.');
      return (
        otherMajor === major &&
        otherMinor === minor &&
        Number(patch) >= FIRST_OTHER_PATCH &&
        graphOfVersion(row) === graph
      );
    });
    const taken = new Set([workflow.version, ...rows.map((row) => row.version)]);
    return same ?? this.#insert(workflow, freeVersion(workflow.version, taken), task);
  }

  async #versionsOf({ namespace, name }: SourceWorkflow): Promise<VersionRow[]> {
    const key = `${namespace}/${name}`;
    const rows = this.#rows.get(key) ?? (await this.#tx.run(findVersionsWithSteps, { namespace, name }));
    this.#rows.set(key, rows);
    return rows;
  }

  async #insert(workflow: SourceWorkflow, version: string, task: MappedTask): Promise<VersionRow> {
    const { namespace, name } = workflow;
    const steps = inOrder(task.steps);
    const [row] = await this.#tx.run(insertImportedVersion, {
      namespace,
      name,
      version,
      description: workflow.description,
      configuration: `{"tasker": ${configurationOf(workflow)}}`,
      sinks: steps.filter((step) => step.children.length === 0).length,
    });
    await this.#tx.run(insertNamedSteps, { names: steps.map((step) => step.name) });
    await this.#tx.run(upsertStepTemplates, {
      named_task_id: (row as { named_task_id: number }).named_task_id,
      steps: JSON.stringify(
        steps.map((step) => ({ ...step, queue: 'default', priority: 0, ...optionsOf(step.name, workflow, task) })),
      ),
    });
    this.#rows.delete(`${namespace}/${name}`);
    return (await this.#versionsOf(workflow)).find((found) => found.version === version) as VersionRow;
  }
}

/** Releases of 2.3 and later wrote the text of a JSON object as a JSON string. */
function configurationOf({ configuration }: SourceWorkflow): string {
  return configuration === null || configuration === '"{}"' ? '{}' : configuration;
}

function optionsOf(name: string, { defaults }: SourceWorkflow, task: MappedTask): Record<string, unknown> {
  const step = task.steps.find((own) => own.name === name);
  const given = defaults.get(name) ?? {
    skippable: false,
    retryable: step?.retryable ?? true,
    retryLimit: step?.retryLimit ?? 3,
  };
  return { skippable: given.skippable, retryable: given.retryable, retry_limit: given.retryLimit };
}

const toTarget = (row: VersionRow): Target => ({
  namedTaskId: row.named_task_id,
  version: row.version,
  steps: new Map(row.steps.map((step) => [step.name, step])),
});
