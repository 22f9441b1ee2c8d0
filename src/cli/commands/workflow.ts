import { Command } from 'commander';
import type { RegisteredWorkflow } from '../../client/insight-client.ts';
import { STATUS } from '../report-error.ts';
import { table } from '../table.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker workflow <name>`: a workflow as it is registered. */
export function workflowCommand(exit: (status: number) => void): Command {
  return withJson(new Command('workflow'))
    .description('show one workflow: its steps, the workers that serve it, and the JSON Schema of its input')
    .argument('<workflow>', '[namespace/]name[@version]; the newest version by default')
    .option('--schema', 'print the JSON Schema of the input and nothing else')
    .action(async (name: string, options: { schema?: boolean; json?: boolean }) => {
      const found = await withClient((client) => client.workflow(name));
      if (found === undefined) {
        console.error(`tasker: no workflow ${name} is registered (tasker workflows lists them)`);
        exit(STATUS.notFound);
        return;
      }
      if (options.schema === true) console.log(JSON.stringify(found.input_schema, null, 2));
      else print(found, options.json, drawWorkflow);
      exit(STATUS.ok);
    });
}

function drawWorkflow(workflow: RegisteredWorkflow): string {
  const { namespace, workflow: name, version, versions, description, registered, workers, problems } = workflow;
  const others = versions.filter((other) => other !== version);
  const lines = [
    `${namespace}/${name}@${version}${description === null ? '' : `  ${description}`}`,
    registered
      ? `served by ${workers.length === 0 ? 'no live worker' : workers.length === 1 ? '1 worker' : `${workers.length} workers`}`
      : 'not served by a worker of this package yet',
    ...problems,
    ...keptLines(workflow),
    ...(others.length === 0 ? [] : [`other versions: ${others.join(', ')}`]),
    '',
    table(
      ['STEP', 'AFTER', 'QUEUE', 'PRIORITY', 'ATTEMPTS'],
      workflow.steps.map((step) => [
        step.name,
        step.depends_on.join(', '),
        step.queue,
        String(step.priority),
        String(step.retry_limit),
      ]),
      'it has no steps',
    ),
    '',
    workflow.input_schema === null
      ? 'input: no JSON Schema (the library of its schema has none)'
      : `input: ${JSON.stringify(workflow.input_schema, null, 2)}`,
  ];
  return lines.join('\n');
}

/** Nothing is said of a fleet that keeps everything because nobody said anything. */
function keptLines({ keep }: RegisteredWorkflow): string[] {
  const said = Object.entries(keep ?? {}).filter(([, { source }]) => source !== 'none');
  if (said.length === 0) return [];
  return [`tasks are kept: ${said.map(([state, { time, source }]) => `${state} ${time} (${source})`).join(', ')}`];
}
