import { Command } from 'commander';
import { endOf } from '../../client/task-result.ts';
import { InvalidInputError } from '../../errors.ts';
import { MAX_REUSE_AFTER_SECONDS, type ReuseRule } from '../../workflow/reuse.ts';
import { findWorkflow, namesOnly, WORKFLOW_ARGUMENT } from '../find-workflow.ts';
import { MODULES_OPTION, workflowsToSubmit } from '../dev-environment.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { INPUT_OPTION, readInput } from '../read-input.ts';
import { apiTarget } from '../remote/target.ts';
import { STATUS } from '../report-error.ts';
import { describeEnd, describeSubmit, submitOutcome } from '../submit-outcome.ts';
import { priorityOf, wholeNumber } from '../whole-number.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options {
  workflows?: string[];
  input?: string;
  key?: string;
  priority?: string;
  tag?: string[];
  reason?: string;
  bypass?: string[];
  reuse?: string;
  reuseAfter?: string;
  wait?: boolean;
  json?: boolean;
}

/** `tasker submit [namespace/]name[@version]`: creates one task. */
export function submitCommand(exit: (status: number) => void): Command {
  return withJson(new Command('submit'))
    .description('create a task; if one with the same identity exists, that one is returned')
    .argument('<workflow>', WORKFLOW_ARGUMENT)
    .option('-w, --workflows <modules...>', MODULES_OPTION)
    .option('-i, --input <json>', `the input: ${INPUT_OPTION}`, '{}')
    .option('-k, --key <key>', 'the key that identifies the task, for workflows with identity caller_key')
    .option('-p, --priority <n>', 'priority of all its steps; lower runs sooner')
    .option('--tag <tags...>', 'tags')
    .option('--reason <text>', 'why')
    .option('--bypass <steps...>', 'skippable steps to do without')
    .option(
      '--reuse <rule>',
      'never, afterFailure or afterEnd: when a new task may take the identity of one that has ended or is in error',
    )
    .option('--reuse-after <seconds>', 'at least this many seconds after that end')
    .option(
      '--wait',
      'wait until the task has ended, and show the results of its last steps; status 1 unless it is complete; --json has all results and errors',
    )
    .addHelpText(
      'after',
      `\nExample:\n  tasker submit shop/checkout --workflows ./workflows.ts --input '{"order":"10248"}'`,
    )
    .action(async (name: string, options: Options) => {
      const definition =
        apiTarget() === undefined
          ? findWorkflow(name, await loadWorkflows(await workflowsToSubmit(options.workflows))).definition
          : namesOnly(name).definition;
      if ('identity' in definition && definition.identity === 'caller_key' && options.key === undefined) {
        throw new InvalidInputError(
          `workflow ${definition.namespace}/${definition.name} needs --key: what tells one of its tasks from another, such as an order number`,
          { field: 'key' },
        );
      }
      const input = await readInput(options.input ?? '{}');
      const status = await withClient(async (client) => {
        const submitted = await client.submit(definition, input as never, {
          ...(options.key === undefined ? {} : { key: options.key }),
          ...(options.priority === undefined ? {} : { priority: priorityOf(options.priority) }),
          ...(options.tag === undefined ? {} : { tags: options.tag }),
          ...(options.reason === undefined ? {} : { reason: options.reason }),
          ...(options.bypass === undefined ? {} : { bypassSteps: options.bypass }),
          ...(options.reuse === undefined ? {} : { reuse: options.reuse as ReuseRule }),
          ...(options.reuseAfter === undefined
            ? {}
            : { reuseAfterSeconds: wholeNumber('--reuse-after', options.reuseAfter, 0, MAX_REUSE_AFTER_SECONDS) }),
          initiator: 'cli',
        });
        if (options.wait !== true) {
          // The identity stays taken, also by a task that was cancelled or is in error: the caller should see which it is.
          const state = submitted.outcome === 'existing' ? (await client.getTask(submitted.taskId))?.state : undefined;
          print(submitOutcome(submitted, state), options.json, () => describeSubmit(submitted, state));
          return STATUS.ok;
        }
        const task = await client.waitForTask(submitted.taskId, { timeoutMs: 86_400_000 });
        const ended = endOf(task);
        const { results, ...end } = ended;
        print(
          { ...submitOutcome(submitted, task.state), results, ...('errors' in end ? { errors: end.errors } : {}) },
          options.json,
          () => describeEnd(submitted, ended, task.steps),
        );
        return task.state === 'complete' ? STATUS.ok : STATUS.failed;
      });
      exit(status);
    });
}
