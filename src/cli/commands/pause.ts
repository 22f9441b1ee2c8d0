import { Argument, Command } from 'commander';
import type { PausableName } from '../../client/checked-acts.ts';
import { pauseRefusalText } from '../../engine/refusal-text.ts';
import { InvalidInputError } from '../../errors.ts';
import { table } from '../table.ts';
import { actOptions, type ActFlags } from '../operator-command.ts';
import { STATUS } from '../report-error.ts';
import { secondsOf } from '../seconds-option.ts';
import { timeOf } from '../time-option.ts';
import { print, withClient, withJson } from '../with-client.ts';

type Kind = 'queue' | 'workflow';

const KIND = (): Argument => new Argument('<kind>', 'what it is').choices(['queue', 'workflow']);

export const pausableOf = (kind: Kind, name: string): PausableName =>
  kind === 'queue' ? { queue: name } : { workflow: name };

/** `tasker pause queue|workflow <name>`: lets workers claim nothing of it. */
export function pauseCommand(exit: (status: number) => void): Command {
  return actOptions(withJson(new Command('pause')))
    .description('let workers claim nothing of a queue or a workflow; what runs goes on. Status 3 if there is none')
    .addArgument(KIND())
    .argument('<name>', 'of the queue, or namespace/name of the workflow')
    .option('--until <time>', 'end the pause by itself: after 90s, 15m, 1h, 2d, or at 2026-01-31T08:30Z')
    .action(async (kind: Kind, name: string, { json, until, ...action }: ActFlags & { until?: string }) => {
      const outcome = await withClient((client) =>
        client.pause(pausableOf(kind, name), { ...action, ...(until === undefined ? {} : endOf(until)) }),
      );
      print({ kind, name, ...outcome }, json, () => {
        if (outcome.outcome === 'not_found') return pauseRefusalText(kind, name, 'not_found');
        const end =
          outcome.until === null ? `until tasker resume ${kind} ${name}` : `until ${outcome.until.toISOString()}`;
        return `${kind} ${name} ${action.dryRun === true ? 'would be' : 'is'} paused ${end}`;
      });
      exit(outcome.outcome === 'not_found' ? STATUS.notFound : STATUS.ok);
    });
}

function endOf(text: string): { forSeconds: number } | { until: Date } {
  if (/^\d+[smhd]?$/.test(text)) return { forSeconds: secondsOf('--until', text) };
  try {
    return { until: timeOf('--until', text) };
  } catch {
    throw new InvalidInputError(
      `--until is ${JSON.stringify(text)}: give how long from now (90s, 15m, 1h, 2d), or a time such as 2026-01-31T08:30Z`,
      { field: '--until' },
    );
  }
}

/** `tasker resume queue|workflow <name>`. */
export function resumeCommand(exit: (status: number) => void): Command {
  return actOptions(withJson(new Command('resume')))
    .description('end the pause of a queue or a workflow; status 4 if it is not paused')
    .addArgument(KIND())
    .argument('<name>', 'of the queue, or namespace/name of the workflow')
    .action(async (kind: Kind, name: string, { json, ...action }: ActFlags) => {
      const outcome = await withClient((client) => client.resume(pausableOf(kind, name), action));
      const resumed = outcome.outcome === 'resumed';
      print({ kind, name, ...outcome }, json, () =>
        resumed
          ? `${kind} ${name} ${action.dryRun === true ? 'would be' : 'is'} resumed`
          : `${pauseRefusalText(kind, name, 'not_paused')} (tasker pauses)`,
      );
      exit(resumed ? STATUS.ok : STATUS.refused);
    });
}

/** `tasker pauses`: what is paused. */
export function pausesCommand(exit: (status: number) => void): Command {
  return withJson(new Command('pauses'))
    .description('list the queues and workflows that are paused, by whom, why and until when')
    .action(async ({ json }: { json?: boolean }) => {
      const rows = await withClient((client) => client.pauses());
      print(rows, json, (list) =>
        table(
          ['KIND', 'NAME', 'SINCE', 'UNTIL', 'BY', 'REASON'],
          list.map(({ kind, name, paused_at, until, by, reason }) => [
            kind,
            name,
            paused_at.toISOString(),
            until?.toISOString() ?? '',
            by,
            reason ?? '',
          ]),
          'nothing is paused',
        ),
      );
      exit(STATUS.ok);
    });
}
