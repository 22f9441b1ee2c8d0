import { InvalidInputError } from '../errors.ts';
import type { SourceWorkflowRow } from '../db/statements/imports/source.ts';
import type { WorkflowName } from '../workflow/definition.ts';
import { legalName, nameProblem, versionProblem } from '../workflow/names.ts';

/** The content of `--names`: names here by the names in Tasker (Ruby). */
export interface NameMap {
  /** `order`, `order_v2 1.0.0` or `shop/order 1.0.0`, by the name in Tasker (Ruby): `orders/create`, `shop/orders/create 1.0.0`. */
  workflows: Readonly<Record<string, string>>;
  steps: Readonly<Record<string, string>>;
}

export interface Names {
  workflows: Map<number, WorkflowName>;
  sourceNames: Map<number, string>;
  stepNameOf: (name: string) => string;
  /** Every name that is another one here. */
  changed: { kind: 'workflow' | 'step'; from: string; to: string }[];
}

/** The version of workflows of releases that had none. */
const FIRST_VERSION = '0.1.0';

interface Wanted {
  workflows: readonly SourceWorkflowRow[];
  steps: readonly string[];
  given: NameMap;
  defaultNamespace: string;
}

/**
 * Legal names for everything, before anything is written. Throws InvalidInputError that lists what has none, and what would share
 * one, with the content of a file for `--names`.
 */
export function resolveNames({ workflows, steps, given, defaultNamespace }: Wanted): Names {
  const problems: string[] = [];
  const missing: { workflows: Record<string, string>; steps: Record<string, string> } = { workflows: {}, steps: {} };
  const made: Names = { workflows: new Map(), sourceNames: new Map(), stepNameOf: (name) => name, changed: [] };

  const takenBy = new Map<string, string>();
  for (const row of workflows) {
    const from = sourceName(row);
    made.sourceNames.set(row.named_task_id, from);
    const to = workflowName(row, from, given, defaultNamespace);
    const problem = nameProblem(to.namespace) ?? nameProblem(to.name) ?? versionProblem(to.version);
    const full = `${to.namespace}/${to.name} ${to.version}`;
    const other = takenBy.get(full);
    if (problem !== undefined || other !== undefined) {
      problems.push(
        problem === undefined
          ? `workflows "${from}" and "${other}" would both be ${full}`
          : `workflow "${from}": ${problem}`,
      );
      missing.workflows[from] = full;
    }
    takenBy.set(full, from);
    made.workflows.set(row.named_task_id, to);
    if (full !== from) made.changed.push({ kind: 'workflow', from, to: full });
  }

  const stepNames = new Map<string, string>();
  const stepTakenBy = new Map<string, string>();
  for (const from of steps) {
    const to = given.steps[from] ?? legalName(from) ?? from;
    const problem = nameProblem(to);
    const other = stepTakenBy.get(to);
    if (problem !== undefined || other !== undefined) {
      problems.push(
        problem === undefined ? `steps "${from}" and "${other}" would both be ${to}` : `step "${from}": ${problem}`,
      );
      missing.steps[from] = to;
    }
    stepTakenBy.set(to, from);
    stepNames.set(from, to);
    if (to !== from) made.changed.push({ kind: 'step', from, to });
  }
  if (problems.length > 0) {
    throw new InvalidInputError(
      `${problems.length} name(s) of Tasker have no name of their own here:\n  ${problems.join('\n  ')}\nGive them one in a file, and name it with --names:\n${JSON.stringify(missing, null, 2)}`,
      { field: '--names', problems, missing },
    );
  }
  made.stepNameOf = (name) => stepNames.get(name) ?? name;
  return made;
}

function sourceName({ namespace, name, version }: SourceWorkflowRow): string {
  return `${namespace === null ? '' : `${namespace}/`}${name}${version === null ? '' : ` ${version}`}`;
}

function workflowName(row: SourceWorkflowRow, from: string, given: NameMap, defaultNamespace: string): WorkflowName {
  const [fullName, givenVersion] = (given.workflows[from] ?? given.workflows[row.name] ?? '').split(' ');
  const [first = '', second] = (fullName ?? '').split('/');
  const namespace = second === undefined ? undefined : first;
  const name = second ?? (first === '' ? undefined : first);
  return {
    namespace: namespace ?? (row.namespace === null ? defaultNamespace : (legalName(row.namespace) ?? row.namespace)),
    name: name ?? legalName(row.name) ?? row.name,
    version: givenVersion ?? legalVersion(row.version),
  };
}

/** `1.2` becomes `1.2.0`, `1.2.3-beta.1` becomes `1.2.3`. What is no version stays, and is refused. */
function legalVersion(version: string | null): string {
  if (version === null || version === '') return FIRST_VERSION;
  if (versionProblem(version) === undefined) return version;
  const [, major, minor = '0', patch = '0'] = /^v?(\d{1,5})(?:\.(\d{1,5}))?(?:\.(\d{1,5}))?/.exec(version) ?? [];
  return major === undefined ? version : [major, minor, patch].map(Number).join('.');
}
