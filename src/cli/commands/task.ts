import { Command } from 'commander';
import type { Client } from '../../client/client.ts';
import type { TaskDetails } from '../../reads/task.ts';
import { drawCriticalPath } from '../draw-critical-path.ts';
import { drawTask } from '../../reads/text/draw-task.ts';
import { describeMissingTask } from '../missing-task.ts';
import { apiTarget } from '../remote/target.ts';
import { STATUS } from '../report-error.ts';
import { warnOfNoScheduler } from '../warn-of-no-scheduler.ts';
import { print, withClient, withJson } from '../with-client.ts';

interface Options {
  results?: boolean;
  stack?: boolean;
  criticalPath?: boolean;
  json?: boolean;
}

/** `tasker task <id>`: one task with its graph. */
export function taskCommand(exit: (status: number) => void): Command {
  return withJson(new Command('task'))
    .description('show one task: its graph with states, attempts, next retries and errors')
    .argument('<id>')
    .option('--results', 'also show the result of each step, in one line')
    .option('--stack', 'also show the stacks of errors')
    .option('--critical-path', 'show which steps decided how long it took, and what they did with the time')
    .action(async (taskId: string, options: Options) => {
      if (options.criticalPath === true) {
        const [path, missing] = await withClient(async (client) => {
          const found = await client.criticalPath(taskId);
          return [found, found === undefined ? await describeMissingTask(client, taskId) : ''] as const;
        });
        if (path === undefined) console.error(`tasker: ${missing}`);
        else print(path, options.json, drawCriticalPath);
        exit(path === undefined ? STATUS.notFound : STATUS.ok);
        return;
      }
      const { found, schedulers, missing, links } = await withClient(async (client, config) => {
        const [task, living] = await Promise.all([
          readTask(client, taskId, options.json === true || options.results === true),
          client.liveSchedulers(),
        ]);
        const why = task === undefined ? await describeMissingTask(client, taskId) : '';
        return { found: task, schedulers: living, missing: why, links: config };
      });
      if (found === undefined) {
        console.error(`tasker: ${missing}`);
        exit(STATUS.notFound);
        return;
      }
      print(found, options.json, (task) => drawTask(task, options, links));
      // These steps wait for a scheduler.
      const waits = found.steps.some((step) => step.next_retry_at !== null || step.state === 'in_progress');
      if (waits) warnOfNoScheduler(schedulers);
      exit(STATUS.ok);
    });
}

/** With results, if they are shown: through the API, each of them costs a request. */
async function readTask(client: Client, taskId: string, withResults: boolean): Promise<TaskDetails | undefined> {
  const api = apiTarget();
  if (api === undefined || !withResults) return client.getTask(taskId);
  const { remoteTask } = await import('../remote/reads.ts');
  return remoteTask(api, taskId);
}
