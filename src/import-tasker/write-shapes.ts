import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Shape } from './survey.ts';
import { inOrder } from './shape.ts';
import type { Registry, SourceWorkflow } from './workflows.ts';

/**
 * Writes each graph as a YAML template and as a TypeScript module with handlers to be filled in: what a worker has to export so that
 * the imported tasks can go on.
 */
export async function writeShapes(folder: string, { workflows }: Registry, shapes: readonly Shape[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const shape of shapes) {
    const workflow = workflows.get(shape.namedTaskId);
    if (workflow === undefined) continue;
    const base = join(folder, `${workflow.namespace}.${workflow.name}.${shape.version}`);
    await writeFile(`${base}.yaml`, yamlOf(workflow, shape));
    await writeFile(`${base}.ts`, moduleOf(workflow, shape));
  }
}

const headOf = (workflow: SourceWorkflow, shape: Shape, mark: string): string =>
  `${mark} ${workflow.sourceName} of Tasker: ${shape.openTasks} open of ${shape.tasks} tasks have this graph.\n`;

function stepsOf({ sample }: Shape, { defaults }: SourceWorkflow) {
  const byName = new Map(sample.steps.map((step) => [step.name, step]));
  return inOrder(sample.steps).map(({ name }) => {
    const step = byName.get(name);
    return {
      name,
      parents: step?.parents ?? [],
      retryable: defaults.get(name)?.retryable ?? step?.retryable ?? true,
      retryLimit: defaults.get(name)?.retryLimit ?? step?.retryLimit ?? 3,
      skippable: defaults.get(name)?.skippable ?? false,
    };
  });
}

function yamlOf(workflow: SourceWorkflow, shape: Shape): string {
  const steps = stepsOf(shape, workflow).map((step) =>
    [
      `  - name: ${step.name}`,
      `    handler_class: ${step.name}`,
      ...(step.parents.length === 0 ? [] : [`    depends_on_steps: [${step.parents.join(', ')}]`]),
      ...(step.retryable ? [] : ['    default_retryable: false']),
      ...(step.retryLimit === 3 ? [] : [`    default_retry_limit: ${Math.max(step.retryLimit, 1)}`]),
      ...(step.skippable ? ['    skippable: true'] : []),
    ].join('\n'),
  );
  return `${headOf(workflow, shape, '#')}name: ${workflow.name}
namespace_name: ${workflow.namespace}
version: '${shape.version}'
step_templates:
${steps.join('\n')}
`;
}

function moduleOf(workflow: SourceWorkflow, shape: Shape): string {
  const steps = stepsOf(shape, workflow).map(({ name, parents, retryable, retryLimit, skippable }) => {
    const options = [
      ...(parents.length === 0 ? [] : [`dependsOn: [${parents.map((parent) => `'${parent}'`).join(', ')}]`]),
      ...(retryable ? [] : ['retryable: false']),
      ...(retryLimit === 3 ? [] : [`retryLimit: ${Math.max(retryLimit, 1)}`]),
      ...(skippable ? ['skippable: true'] : []),
    ];
    const given = options.length === 0 ? '' : `{ ${options.join(', ')} }, `;
    return `  .step('${name}', ${given}handlerOf('${name}'))`;
  });
  return `${headOf(workflow, shape, '//')}import { defineWorkflow } from 'tasker-fleet';
import { z } from 'zod';

// Replace every call of this function by a handler. Until then no worker loads this module, and the tasks wait.
function handlerOf(step: string): () => unknown {
  throw new Error(\`write the handler of step \${step}\`);
}

export const workflow = defineWorkflow({
  namespace: '${workflow.namespace}',
  name: '${workflow.name}',
  version: '${shape.version}',
  input: z.any(),
})
${steps.join('\n')};
`;
}
