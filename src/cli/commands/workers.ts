import { Command } from 'commander';
import type { WorkerRow } from '../../db/reads/workers.ts';
import type { WorkerDetails } from '../../reads/workers.ts';
import { STATUS } from '../report-error.ts';
import { duration } from '../../reads/text/duration.ts';
import { age, table } from '../table.ts';
import { warnOfNoScheduler } from '../warn-of-no-scheduler.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** `tasker workers`: the processes of the fleet. */
export function workersCommand(exit: (status: number) => void): Command {
  return withJson(new Command('workers'))
    .description('list the processes of the fleet, or show one: what it can run, and the steps that it holds')
    .argument('[id]', 'one process; status 3 if there is none')
    .option('-a, --all', 'those that stopped too')
    .action(async (id: string | undefined, options: { all?: boolean; json?: boolean }) => {
      if (id !== undefined) {
        const found = await withClient((client) => client.worker(id));
        if (found === undefined) console.error(`tasker: there is no process ${id} (tasker workers --all lists them)`);
        else print(found, options.json, drawWorker);
        exit(found === undefined ? STATUS.notFound : STATUS.ok);
        return;
      }
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
            statusOf(worker),
            worker.role === 'worker' ? `${worker.busy_slots}/${worker.slots}` : '',
            worker.queues.join(','),
            worker.version,
            age(worker.started_at),
            `${duration(worker.silent_seconds)} ago`,
          ]),
          options.all === true
            ? 'no process has ever run: tasker worker, tasker scheduler'
            : 'no process of the fleet lives: tasker worker, tasker scheduler (tasker workers --all has those that have ended)',
        ),
      );
      warnOfNoScheduler(schedulers);
      exit(STATUS.ok);
    });
}

function statusOf({ stopped_at: stoppedAt, stop_reason: reason, draining }: WorkerRow): string {
  if (stoppedAt !== null) return reason ?? 'stopped';
  return draining ? 'draining' : 'running';
}

function drawWorker(worker: WorkerDetails): string {
  const { worker_id: id, role, name, version, serves, refuses, steps, complete } = worker;
  const lease =
    worker.lease_left_seconds > 0
      ? `${duration(worker.lease_left_seconds)} of ${duration(worker.lease_seconds)} left`
      : `run out ${duration(-worker.lease_left_seconds)} ago`;
  const lines = [
    `${role} ${id}  ${name}  ${statusOf(worker)}`,
    `version ${version}, ${age(worker.started_at)} old, last heartbeat ${duration(worker.silent_seconds)} ago${worker.stopped_at === null ? `, lease ${lease}` : ''}`,
  ];
  if (role !== 'worker') return lines.join('\n');
  lines.push(
    `${worker.busy_slots} of ${worker.slots} slots busy, queues ${worker.queues.join(', ')}`,
    `serves ${serves.length === 0 ? 'nothing' : serves.map(versionOf).join(', ')}`,
    ...refuses.map((each) => `refuses ${versionOf(each)}: ${each.problem}`),
    '',
    table(
      ['TASK', 'STEP', 'WORKFLOW', 'QUEUE', 'ATTEMPT', 'HELD'],
      steps.map((step) => [
        step.task_id,
        step.step,
        versionOf(step),
        step.queue,
        `${step.attempt} of ${step.retry_limit}`,
        duration(step.held_seconds),
      ]),
      'it holds no steps',
    ),
    ...(complete ? [] : ['and more']),
  );
  return lines.join('\n');
}

const versionOf = ({ namespace, workflow, version }: Record<'namespace' | 'workflow' | 'version', string>): string =>
  `${namespace}/${workflow}@${version}`;
