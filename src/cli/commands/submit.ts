import { Command } from 'commander';
import { findWorkflow, WORKFLOW_ARGUMENT } from '../find-workflow.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { INPUT_OPTION, readInput } from '../read-input.ts';
import { STATUS } from '../report-error.ts';
import { priorityOf } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options {
  workflows?: string[];
  input?: string;
  key?: string;
  priority?: string;
  tag?: string[];
  reason?: string;
  bypass?: string[];
  wait?: boolean;
  json?: boolean;
}

/** `tasker submit [namespace/]name[@version]`: creates one task. */
export function submitCommand(exit: (status: number) => void): Command {
  return withJson(new Command('submit'))
    .description('create a task; if one with the same identity exists, that one is returned')
    .argument('<workflow>', WORKFLOW_ARGUMENT)
    .requiredOption('-w, --workflows <modules...>', 'modules that export the definition (its schema checks the input)')
    .option('-i, --input <json>', `the input: ${INPUT_OPTION}`, '{}')
    .option('-k, --key <key>', 'the key that identifies the task, for workflows with identity caller_key')
    .option('-p, --priority <n>', 'priority of all its steps; lower runs sooner')
    .option('--tag <tags...>', 'tags')
    .option('--reason <text>', 'why')
    .option('--bypass <steps...>', 'skippable steps to do without')
    .option('--wait', 'wait until the task has ended; status 1 unless it is complete')
    .addHelpText(
      'after',
      `\nExample:\n  tasker submit shop/checkout --workflows ./workflows.ts --input '{"order":"10248"}'`,
    )
    .action(async (name: string, options: Options) => {
      const { definition } = findWorkflow(name, await loadWorkflows(options.workflows ?? []));
      const input = await readInput(options.input ?? '{}');
      const status = await withClient(async (client) => {
        const submitted = await client.submit(definition, input as never, {
          ...(options.key === undefined ? {} : { key: options.key }),
          ...(options.priority === undefined ? {} : { priority: priorityOf(options.priority) }),
          ...(options.tag === undefined ? {} : { tags: options.tag }),
          ...(options.reason === undefined ? {} : { reason: options.reason }),
          ...(options.bypass === undefined ? {} : { bypassSteps: options.bypass }),
          initiator: 'cli',
        });
        if (options.wait !== true) {
          // The identity stays taken, also by a task that was cancelled or is in error: the caller should see which it is.
          const state = submitted.outcome === 'existing' ? (await client.getTask(submitted.taskId))?.state : undefined;
          print(
            { outcome: submitted.outcome, task_id: submitted.taskId, ...(state === undefined ? {} : { state }) },
            options.json,
            (value) => `task ${value.task_id} ${value.outcome}${state === undefined ? '' : ` (${state})`}`,
          );
          return STATUS.ok;
        }
        const task = await client.waitForTask(submitted.taskId, { timeoutMs: 86_400_000 });
        print(
          { outcome: submitted.outcome, task_id: task.task_id, state: task.state },
          options.json,
          (value) => `task ${value.task_id} ${value.state}`,
        );
        return task.state === 'complete' ? STATUS.ok : STATUS.failed;
      });
      exit(status);
    });
}
