/**
 * Workflows with the graphs of Tasker (Ruby)'s own fixtures. A step fails or times out as its note says (f1: fails once, t1: times out
 * once) and fails `extra_failures` times more, and then succeeds; its result is its name and its parents' names.
 */
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';

const input = z.object({ extra_failures: z.number().int().min(0), slow_ms: z.number().int().min(0) });

type Fault = `f${number}` | `t${number}` | undefined;
type Steps = Record<string, [parents: string[], fault?: Fault]>;

/** Builds a workflow from a table. The builder's types need literal names, so they are dropped here. */
function workflow(name: string, steps: Steps): WorkflowDefinition {
  let builder: unknown = defineWorkflow({ namespace: 'tasker_ruby', name, input });
  for (const [step, [dependsOn, fault]] of Object.entries(steps)) {
    builder = (builder as { step: (...args: unknown[]) => unknown }).step(
      step,
      { dependsOn, retryLimit: 12, timeoutSeconds: fault?.startsWith('t') === true ? 1 : 30 },
      (context: Context) => run(context, fault),
    );
  }
  return builder as WorkflowDefinition;
}

interface Context {
  stepName: string;
  attempt: number;
  input: z.infer<typeof input>;
  parents: Record<string, unknown>;
  signal: AbortSignal;
}

async function run(
  { stepName, attempt, input: { extra_failures: extra, slow_ms: slowMs }, parents, signal }: Context,
  fault: Fault,
) {
  const times = Number(fault?.slice(1) ?? 0);
  if (fault?.startsWith('t') === true && attempt <= times) {
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  }
  if (attempt <= times + extra) throw new Error(`${stepName} fails on attempt ${attempt}`);
  if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
  return { step: stepName, saw: Object.keys(parents).toSorted() };
}

export const linear = workflow('linear', {
  initialize_data: [[]],
  validate_input: [['initialize_data']],
  process_data: [['validate_input'], 'f1'],
  transform_results: [['process_data']],
  validate_output: [['transform_results']],
  finalize_workflow: [['validate_output']],
});

export const diamond = workflow('diamond', {
  start_workflow: [[]],
  branch_one_process: [['start_workflow'], 'f1'],
  branch_two_process: [['start_workflow'], 't1'],
  branch_one_validate: [['branch_one_process']],
  branch_two_validate: [['branch_two_process']],
  merge_branches: [['branch_one_validate', 'branch_two_validate']],
  end_workflow: [['merge_branches']],
});

export const parallelMerge = workflow('parallel_merge', {
  fetch_user_data: [[]],
  fetch_order_data: [[], 'f1'],
  fetch_inventory_data: [[], 't1'],
  fetch_pricing_data: [[]],
  process_user_data: [['fetch_user_data']],
  process_order_data: [['fetch_order_data']],
  merge_all_data: [['process_user_data', 'process_order_data', 'fetch_inventory_data', 'fetch_pricing_data'], 'f1'],
});

export const tree = workflow('tree', {
  root_initialization: [[]],
  branch_a_setup: [['root_initialization']],
  branch_b_setup: [['root_initialization'], 'f1'],
  branch_a_task_one: [['branch_a_setup']],
  branch_a_task_two: [['branch_a_setup'], 't1'],
  branch_b_task_one: [['branch_b_setup']],
  branch_b_task_two: [['branch_b_setup'], 'f1'],
  aggregate_results: [['branch_a_task_one', 'branch_a_task_two', 'branch_b_task_one', 'branch_b_task_two']],
});

export const mixed = workflow('mixed', {
  init_auth: [[]],
  init_config: [[]],
  validate_permissions: [['init_auth'], 'f1'],
  setup_environment: [['init_config'], 't1'],
  begin_processing: [['validate_permissions', 'setup_environment']],
  process_critical_data: [['begin_processing'], 'f2'],
  process_optional_data: [['begin_processing']],
  cleanup_temp_files: [['setup_environment']],
  finalize_and_report: [['process_critical_data', 'cleanup_temp_files']],
});
