import type { DagNode } from '../../src/workflow/analyze-dag.ts';

/** The graphs of the test suite of Tasker (Ruby), as child -> parents, and what is known about their shape. */
interface RubyTaskerDag {
  steps: Record<string, readonly string[]>;
  roots: readonly string[];
  sinks: readonly string[];
  depth: number;
}

export const RUBY_TASKER_DAGS: Record<string, RubyTaskerDag> = {
  dummy: {
    steps: { one: [], two: [], three: ['two'], four: ['three'] },
    roots: ['one', 'two'],
    sinks: ['one', 'four'],
    depth: 3,
  },
  linear: {
    steps: {
      initialize_data: [],
      validate_input: ['initialize_data'],
      process_data: ['validate_input'],
      transform_results: ['process_data'],
      validate_output: ['transform_results'],
      finalize_workflow: ['validate_output'],
    },
    roots: ['initialize_data'],
    sinks: ['finalize_workflow'],
    depth: 6,
  },
  diamond: {
    steps: {
      start_workflow: [],
      branch_one_process: ['start_workflow'],
      branch_two_process: ['start_workflow'],
      branch_one_validate: ['branch_one_process'],
      branch_two_validate: ['branch_two_process'],
      merge_branches: ['branch_one_validate', 'branch_two_validate'],
      end_workflow: ['merge_branches'],
    },
    roots: ['start_workflow'],
    sinks: ['end_workflow'],
    depth: 5,
  },
  parallel_merge: {
    steps: {
      fetch_user_data: [],
      fetch_order_data: [],
      fetch_inventory_data: [],
      fetch_pricing_data: [],
      process_user_data: ['fetch_user_data'],
      process_order_data: ['fetch_order_data'],
      merge_all_data: ['process_user_data', 'process_order_data', 'fetch_inventory_data', 'fetch_pricing_data'],
    },
    roots: ['fetch_user_data', 'fetch_order_data', 'fetch_inventory_data', 'fetch_pricing_data'],
    sinks: ['merge_all_data'],
    depth: 3,
  },
  tree: {
    steps: {
      root_initialization: [],
      branch_a_setup: ['root_initialization'],
      branch_b_setup: ['root_initialization'],
      branch_a_task_one: ['branch_a_setup'],
      branch_a_task_two: ['branch_a_setup'],
      branch_b_task_one: ['branch_b_setup'],
      branch_b_task_two: ['branch_b_setup'],
      aggregate_results: ['branch_a_task_one', 'branch_a_task_two', 'branch_b_task_one', 'branch_b_task_two'],
    },
    roots: ['root_initialization'],
    sinks: ['aggregate_results'],
    depth: 4,
  },
  mixed: {
    steps: {
      init_auth: [],
      init_config: [],
      validate_permissions: ['init_auth'],
      setup_environment: ['init_config'],
      begin_processing: ['validate_permissions', 'setup_environment'],
      process_critical_data: ['begin_processing'],
      process_optional_data: ['begin_processing'],
      cleanup_temp_files: ['setup_environment'],
      finalize_and_report: ['process_critical_data', 'cleanup_temp_files'],
    },
    roots: ['init_auth', 'init_config'],
    sinks: ['process_optional_data', 'finalize_and_report'],
    depth: 5,
  },
};

export function nodesOf({ steps }: RubyTaskerDag): DagNode[] {
  return Object.entries(steps).map(([name, dependsOn]) => ({ name, dependsOn }));
}
