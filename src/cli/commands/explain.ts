import { Command } from 'commander';
import { describeMissingTask } from '../missing-task.ts';
import { STATUS } from '../report-error.ts';
import { drawExplanation } from '../../reads/text/draw-explanation.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker explain <task> [step]`: why it is where it is. */
export function explainCommand(exit: (status: number) => void): Command {
  return withJson(new Command('explain'))
    .description('say why a task or a step is not running: one verdict, its reasons, who acts, and what helps')
    .argument('<task>', 'id of the task')
    .argument('[step]', 'name of the step; without it, the open step that most needs somebody')
    .action(async (taskId: string, step: string | undefined, options: { json?: boolean }) => {
      const [found, missing] = await withClient(async (client) => {
        const explanation = await client.explain(taskId, step);
        return [explanation, explanation === undefined ? await describeMissingTask(client, taskId) : ''] as const;
      });
      if (found === undefined) {
        console.error(`tasker: ${missing}`);
        exit(STATUS.notFound);
        return;
      }
      print(found, options.json, drawExplanation);
      exit(STATUS.ok);
    });
}
