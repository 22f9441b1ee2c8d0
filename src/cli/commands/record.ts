import { Command } from 'commander';
import { recordView } from '../../api/record-view.ts';
import { loadConfig } from '../../config/load-config.ts';
import { compileRedaction } from '../../redact.ts';
import { clientEnvironment } from '../dev-environment.ts';
import { describeMissingTask } from '../missing-task.ts';
import { STATUS } from '../report-error.ts';
import { apiTarget } from '../remote/target.ts';
import { withClient, withJson } from '../with-client.ts';

/** `tasker record <task>`: the whole run as one JSON document. */
export function recordCommand(exit: (status: number) => void): Command {
  return withJson(new Command('record'))
    .description(
      'print one run as one JSON document, for a ticket: task, steps, history, critical path, and why it does not go on',
    )
    .argument('<task>', 'id of the task')
    .option('--payloads', 'also inputs, results and the messages of errors, without what TASKER_REDACT hides')
    .action(async (taskId: string, options: { payloads?: boolean }) => {
      const view = await viewOf(taskId, options.payloads === true);
      if (view === undefined) {
        console.error(`tasker: ${await withClient((client) => describeMissingTask(client, taskId))}`);
        exit(STATUS.notFound);
        return;
      }
      console.log(JSON.stringify(view, null, 2));
      exit(STATUS.ok);
    });
}

/** What is shown: the API hides by itself what its TASKER_REDACT says, and what the key may not read. */
async function viewOf(taskId: string, payloads: boolean): Promise<unknown> {
  const api = apiTarget();
  if (api !== undefined) {
    const { remoteRecord } = await import('../remote/record.ts');
    return remoteRecord(api, taskId, payloads);
  }
  const found = await withClient((client) => client.record(taskId, { payloads }));
  if (found === undefined) return undefined;
  const { redact } = loadConfig('client', await clientEnvironment());
  return recordView(found, compileRedaction(redact));
}
