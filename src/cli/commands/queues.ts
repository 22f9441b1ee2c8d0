import { Command } from 'commander';
import type { QueueStatsRow } from '../../db/reads/queues.ts';
import type { QueueReport } from '../../reads/queues.ts';
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
    .option('--all', 'idle queues too, each with the workers that it should have, why, and its times')
    .action(async (options: { all?: boolean; json?: boolean }) => {
      if (options.all === true) {
        print(await withClient((client) => client.everyQueue()), options.json, drawAll);
        return exit(STATUS.ok);
      }
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

/** Durations of the middle and of nearly all. */
const timesOf = (p50: number | null, p95: number | null): string =>
  p50 === null || p95 === null ? '-' : `${duration(p50)} / ${duration(p95)}`;

const drawAll = (queues: readonly QueueReport[]): string =>
  table(
    [
      'QUEUE',
      'READY',
      'OLDEST',
      'WORKERS',
      'WANTED',
      'WHY',
      'RUNS',
      'FAILED',
      'WAITED p50/p95',
      'RAN p50/p95',
      'PROBLEM',
    ],
    queues.map(({ scaling, times, ...queue }) => [
      queue.queue,
      readyOf(queue),
      duration(queue.oldest_ready_seconds),
      String(queue.workers),
      scaling === null ? '-' : String(scaling.desired_replicas),
      scaling === null ? '-' : scaling.reason,
      String(times?.runs ?? 0),
      String(times?.failures ?? 0),
      timesOf(times?.waiting_p50 ?? null, times?.waiting_p95 ?? null),
      timesOf(times?.running_p50 ?? null, times?.running_p95 ?? null),
      queue.ready > 0 || queue.paused !== null ? problemOf(queue) : '',
    ]),
    'no queue has ready steps, a pause, a worker, or ran something lately',
  );
