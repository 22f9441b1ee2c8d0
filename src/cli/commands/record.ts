import { Command } from 'commander';
import { recordView } from '../../api/record-view.ts';
import { loadConfig } from '../../config/load-config.ts';
import { compileRedaction } from '../../redact.ts';
import { clientEnvironment } from '../dev-environment.ts';
import { STATUS } from '../report-error.ts';
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
      const found = await withClient((client) => client.record(taskId, { payloads: options.payloads === true }));
      if (found === undefined) {
        console.error(`tasker: there is no task ${taskId}`);
        exit(STATUS.notFound);
        return;
      }
      const { redact } = loadConfig('client', await clientEnvironment());
      console.log(JSON.stringify(recordView(found, compileRedaction(redact)), null, 2));
      exit(STATUS.ok);
    });
}
