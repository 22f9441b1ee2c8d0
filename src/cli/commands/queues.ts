import { Command } from 'commander';
import type { QueueStatsRow } from '../../db/reads/queues.ts';
import { STATUS } from '../report-error.ts';
import { duration } from '../../reads/text/duration.ts';
import { table } from '../table.ts';
import { print, withClient, withJson } from '../with-client.ts';

function problemOf({ paused, workers }: QueueStatsRow): string {
  if (paused !== null) {
    const until = paused.until === null ? '' : ` until ${paused.until}`;
    return `paused by ${paused.by}${until}${paused.reason === null ? '' : `: ${paused.reason}`}`;
  }
  return workers === 0 ? 'no worker serves it (tasker worker --queues)' : '';
}

/** `~675000`: about that number. `10000+`: that number, or more. */
const readyOf = ({ ready, ready_is: precision }: QueueStatsRow): string =>
  precision === 'exact' ? String(ready) : precision === 'about' ? `~${ready}` : `${ready}+`;

/** `tasker queues`: queues that have ready steps, or are paused. */
export function queuesCommand(exit: (status: number) => void): Command {
  return withJson(new Command('queues'))
    .description(
      'list queues that have ready steps or are paused, with their depth, the age of the oldest step and the workers that serve them',
    )
    .action(async (options: { json?: boolean }) => {
      const rows = await withClient((client) => client.queues());
      print(rows, options.json, (list) =>
        table(
          ['QUEUE', 'READY', 'OLDEST', 'WORKERS', 'PROBLEM'],
          list.map((queue) => [
            queue.queue,
            readyOf(queue),
            duration(queue.oldest_ready_seconds),
            String(queue.workers),
            problemOf(queue),
          ]),
          'no queue has ready steps or is paused',
        ),
      );
      exit(STATUS.ok);
    });
}
