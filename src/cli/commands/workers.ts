import { Command } from 'commander';
import { STATUS } from '../report-error.ts';
import { duration } from '../../reads/text/duration.ts';
import { age, table } from '../table.ts';
import { warnOfNoScheduler } from '../warn-of-no-scheduler.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker workers`: the processes of the fleet. */
export function workersCommand(exit: (status: number) => void): Command {
  return withJson(new Command('workers'))
    .description('list the processes of the fleet')
    .option('-a, --all', 'those that stopped too')
    .action(async (options: { all?: boolean; json?: boolean }) => {
      const [rows, schedulers] = await withClient((client) =>
        Promise.all([client.workers({ stopped: options.all ?? false }), client.liveSchedulers()]),
      );
      print(rows, options.json, (list) =>
        table(
          ['ID', 'ROLE', 'NAME', 'STATUS', 'SLOTS', 'QUEUES', 'VERSION', 'AGE', 'HEARTBEAT'],
          list.map((worker) => [
            worker.worker_id,
            worker.role,
            worker.name,
            worker.stopped_at !== null ? (worker.stop_reason ?? 'stopped') : worker.draining ? 'draining' : 'running',
            worker.role === 'worker' ? `${worker.busy_slots}/${worker.slots}` : '',
            worker.queues.join(','),
            worker.version,
            age(worker.started_at),
            `${duration(worker.silent_seconds)} ago`,
          ]),
        ),
      );
      warnOfNoScheduler(schedulers);
      exit(STATUS.ok);
    });
}
