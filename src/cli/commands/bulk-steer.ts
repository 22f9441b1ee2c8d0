import { Command } from 'commander';
import type { Client } from '../../client/client.ts';
import { steeringRefusalText } from '../../engine/refusal-text.ts';
import type { SteerOutcome } from '../../engine/operations/steer.ts';
import { byOption } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { print, withClient, withJson } from '../with-client.ts';
import { operationAsText, operationAsWire } from './bulk-show.ts';
import { statusOf, waitForOperation, waitOption } from './bulk-wait.ts';

interface Flags {
  by: string;
  reason?: string;
  json?: boolean;
  wait?: boolean;
}

type Action = Omit<Flags, 'json' | 'wait'>;

/** `tasker bulk start|pause|resume|abort`. */
export const steerCommands = (exit: (status: number) => void): Command[] => [
  steerCommand('start', 'let a preview run', exit, (client, token, action) => client.operations.start(token, action)),
  steerCommand('pause', 'let an operation do nothing until it is resumed', exit, (client, id, action) =>
    client.operations.pause(id, action),
  ),
  steerCommand(
    'resume',
    'go on with an operation that was paused or stopped by itself, or that waits for its canary',
    exit,
    (client, id, action) => client.operations.resume(id, action),
  ),
  steerCommand('abort', 'end an operation for good; what was done stays done', exit, (client, id, action) =>
    client.operations.abort(id, action),
  ),
];

function steerCommand(
  name: string,
  description: string,
  exit: (status: number) => void,
  steer: (client: Client, id: string, action: Action) => Promise<SteerOutcome>,
): Command {
  const [argument, about] =
    name === 'start'
      ? ['<token>', 'what the dry run printed']
      : ['<id>', 'the operation, as tasker bulk list shows it'];
  const command = byOption(withJson(new Command(name)))
    .description(`${description}; status 3: there is none, 4: refused`)
    .argument(argument, about)
    .option('--reason <text>', 'why; kept in the audit');
  if (name === 'start') waitOption(command);
  return command.action(async (id: string, { json, wait = false, ...action }: Flags) => {
    const { outcome, ended } = await withClient(async (client) => {
      const steered = await steer(client, id, action);
      const waited =
        wait && 'operation' in steered ? await waitForOperation(client, steered.operation.operation_id) : undefined;
      return { outcome: steered, ended: waited };
    });
    if (ended !== undefined) {
      print(operationAsWire(ended), json, () => operationAsText(ended));
      return exit(statusOf(ended));
    }
    const done = 'operation' in outcome;
    const wire = done ? { ...outcome, operation: operationAsWire(outcome.operation) } : outcome;
    print(wire, json, () =>
      done
        ? operationAsText(outcome.operation)
        : steeringRefusalText(
            id.split('-', 1)[0] ?? id,
            outcome.outcome,
            'state' in outcome ? outcome.state : undefined,
          ),
    );
    if (done) exit(STATUS.ok);
    else exit(outcome.outcome === 'not_found' ? STATUS.notFound : STATUS.refused);
  });
}
