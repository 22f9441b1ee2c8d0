import type { Executor } from '../db/connections/database.ts';
import { type KeepRow, readKeeps, readKeepsOf, readRetention } from '../db/statements/retention/policies.ts';
import {
  KEPT_STATES,
  keepOf,
  type KeepPolicy,
  keepSeconds,
  type KeepTime,
  type KeptState,
  readKeepSetting,
} from '../keep-policy.ts';
import { compareVersions } from '../workflow/compare-versions.ts';
import { FIRST_OTHER_PATCH } from './other-version.ts';

/** What says for how long tasks are kept; what counts most comes first. */
export type KeepSource =
  /** TASKER_KEEP names this workflow. */
  | 'setting'
  /** The definition of the newest version. */
  | 'definition'
  /** TASKER_KEEP, for all workflows. */
  | 'default'
  /** Nothing says anything: for ever. */
  | 'none';

/** How long the tasks of a workflow are kept, all its versions alike. */
export interface WorkflowRetention {
  namespace: string;
  workflow: string;
  /** The newest version: its definition counts. */
  version: string;
  keep: Record<KeptState, { time: KeepTime; source: KeepSource }>;
}

/** A policy that has an end, for the statements. */
export interface FinitePolicy {
  named_task_id: number;
  state: KeptState;
  keep_seconds: number;
}

export interface Policies {
  workflows: WorkflowRetention[];
  finite: FinitePolicy[];
}

/** The policies in effect: the definitions that are registered, and TASKER_KEEP of the scheduler that started last. */
export async function readPolicies(tx: Executor): Promise<Policies> {
  const [row] = await tx.run(readRetention, { young_seconds: 0 });
  return resolvePolicies(await tx.run(readKeeps), row?.keep ?? '');
}

/** How long the tasks of one workflow are kept; undefined if it is not registered. */
export async function readKeepOf(
  tx: Executor,
  { namespace, workflow }: { namespace: string; workflow: string },
): Promise<WorkflowRetention['keep'] | undefined> {
  const [row] = await tx.run(readRetention, { young_seconds: 0 });
  const { workflows } = resolvePolicies(await tx.run(readKeepsOf, { namespace, name: workflow }), row?.keep ?? '');
  return workflows[0]?.keep;
}

/**
 * One policy for each workflow, by state: TASKER_KEEP for this workflow, then the definition of its newest version, then TASKER_KEEP for all, then
 * for ever. A text that this version cannot read, of a later version, means for ever.
 */
export function resolvePolicies(rows: readonly KeepRow[], setting: string): Policies {
  const { defaults, workflows: named } = readKeepSetting(setting);
  const byWorkflow = new Map<string, KeepRow[]>();
  for (const row of rows) {
    const key = `${row.namespace}/${row.name}`;
    byWorkflow.set(key, [...(byWorkflow.get(key) ?? []), row]);
  }
  const policies: Policies = { workflows: [], finite: [] };
  for (const [key, versions] of byWorkflow) {
    const newest = newestOf(versions);
    const definition = policyOf(newest.keep);
    const keep = Object.fromEntries(
      KEPT_STATES.map((state) => [state, choose(state, named.get(key), definition, defaults)]),
    ) as WorkflowRetention['keep'];
    policies.workflows.push({ namespace: newest.namespace, workflow: newest.name, version: newest.version, keep });
    for (const { named_task_id } of versions)
      for (const state of KEPT_STATES) {
        const seconds = keepSeconds(keep[state].time);
        if (typeof seconds === 'number') policies.finite.push({ named_task_id, state, keep_seconds: seconds });
      }
  }
  return policies;
}

function choose(
  state: KeptState,
  named: KeepPolicy | undefined,
  definition: KeepPolicy | undefined,
  defaults: KeepPolicy,
): { time: KeepTime; source: KeepSource } {
  const layers = [
    ['setting', named],
    ['definition', definition],
    ['default', defaults],
  ] as const;
  for (const [source, policy] of layers) {
    const time = keepOf(policy, state);
    if (time !== undefined) return { time: keepSeconds(time) === undefined ? 'forever' : time, source };
  }
  return { time: 'forever', source: 'none' };
}

/** Versions that the engine made for tasks of another graph are of an earlier definition, although their numbers are high. */
function newestOf(versions: readonly KeepRow[]): KeepRow {
  const made = ({ version }: KeepRow): boolean => Number(version.split('.')[2]) >= FIRST_OTHER_PATCH;
  const ordered = versions.toSorted(
    (a, b) => Number(made(b)) - Number(made(a)) || compareVersions(a.version, b.version),
  );
  return ordered.at(-1) as KeepRow;
}

function policyOf(stored: unknown): KeepPolicy | undefined {
  return typeof stored === 'object' && stored !== null && !Array.isArray(stored) ? (stored as KeepPolicy) : undefined;
}

/** The finite policies as they are remembered: seconds by state, by workflow id. */
export type RememberedPolicies = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Every workflow has an entry, so that one that is new is not taken for one whose policy became shorter. */
export function remembered(policies: Policies, rows: readonly { named_task_id: number }[]): RememberedPolicies {
  const byId: Record<string, Record<string, number>> = {};
  for (const { named_task_id } of rows) byId[named_task_id] = {};
  for (const { named_task_id, state, keep_seconds } of policies.finite)
    byId[named_task_id] = { ...byId[named_task_id], [state]: keep_seconds };
  return byId;
}

/** Tasks may be due earlier than they were by the former policies. A workflow that is new has no tasks yet in the blocks that were visited. */
export function someShorter(before: RememberedPolicies, now: RememberedPolicies): boolean {
  return Object.entries(now).some(([id, states]) => {
    const former = before[id];
    if (former === undefined) return false;
    return Object.entries(states).some(([state, seconds]) => seconds < (former[state] ?? Number.POSITIVE_INFINITY));
  });
}

/** As `someShorter`, or anything else about them differs. */
export function differ(before: RememberedPolicies, now: RememberedPolicies): boolean {
  return canonical(before) !== canonical(now);
}

function canonical(policies: RememberedPolicies): string {
  return Object.keys(policies)
    .toSorted()
    .map((id) => `${id}:${KEPT_STATES.map((state) => policies[id]?.[state] ?? '').join(',')}`)
    .join(';');
}
