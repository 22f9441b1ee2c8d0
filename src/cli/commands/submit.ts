import { Command } from 'commander';
import { InvalidInputError, UnknownWorkflowError } from '../../errors.ts';
import { createRegistry } from '../../workflow/index.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { readJson } from '../read-json.ts';
import { STATUS } from '../report-error.ts';
import { wholeNumber } from '../whole-number.ts';
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
    .description('create a task; a task with the same identity is answered instead')
    .argument('<workflow>', '[namespace/]name[@version]; the newest version where none is given')
    .requiredOption('-w, --workflows <modules...>', 'modules that export the definition (its schema checks the input)')
    .option('-i, --input <json>', 'the input: JSON, @file, or - for standard input', '{}')
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
      const definition = findWorkflow(name, await loadWorkflows(options.workflows ?? []));
      const input = await readJson('--input', 'input', options.input ?? '{}');
      const status = await withClient(async (client) => {
        const submitted = await client.submit(definition, input as never, {
          ...(options.key === undefined ? {} : { key: options.key }),
          ...(options.priority === undefined
            ? {}
            : { priority: wholeNumber('--priority', options.priority, -32_768, 32_767) }),
          ...(options.tag === undefined ? {} : { tags: options.tag }),
          ...(options.reason === undefined ? {} : { reason: options.reason }),
          ...(options.bypass === undefined ? {} : { bypassSteps: options.bypass }),
          initiator: 'cli',
        });
        if (options.wait !== true) {
          print(
            { outcome: submitted.outcome, task_id: submitted.taskId },
            options.json,
            (value) => `task ${value.task_id} ${value.outcome}`,
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

function findWorkflow(reference: string, definitions: Awaited<ReturnType<typeof loadWorkflows>>) {
  const match = /^(?:([^/@]+)\/)?([^/@]+)(?:@(.+))?$/.exec(reference);
  if (match === null)
    throw new InvalidInputError(`workflow ${JSON.stringify(reference)}: write [namespace/]name[@version]`, {
      field: 'workflow',
    });
  const [, namespace, name, version] = match;
  createRegistry(definitions);
  const found = definitions
    .filter(
      (definition) =>
        definition.name === name &&
        (namespace === undefined || definition.namespace === namespace) &&
        (version === undefined || definition.version === version),
    )
    .toSorted((a, b) => b.version.localeCompare(a.version, 'en', { numeric: true }));
  if (found[0] === undefined) {
    const known = definitions
      .map((definition) => `${definition.namespace}/${definition.name}@${definition.version}`)
      .join(', ');
    throw new UnknownWorkflowError(`the modules export no workflow ${reference}; they export ${known}`);
  }
  return found[0];
}
