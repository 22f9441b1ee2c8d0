import { Command } from 'commander';
import type { TaskDetails } from '../../client/client.ts';
import { STATES } from '../../workflow/states.ts';
import { STATUS } from '../report-error.ts';
import { age, duration, table } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';
import { warnOfNoScheduler } from '../warn-of-no-scheduler.ts';
import { print, withClient, withJson } from '../with-client.ts';

/** The commands that only look: tasks, task, workers, queues. */
export function readCommands(exit: (status: number) => void): Command[] {
  const tasks = withJson(new Command('tasks'))
    .description('list tasks, the newest first')
    .option('-s, --state <states...>', `only tasks in these states: ${STATES.join(', ')}`)
    .option('-n, --namespace <name>', 'only of this namespace')
    .option('-w, --workflow <name>', 'only of this workflow')
    .option('-l, --limit <n>', 'how many, at most 1000', '50')
    .option('--after <id>', 'only tasks below this id: the last of the page before')
    .action(
      async (options: {
        state?: string[];
        namespace?: string;
        workflow?: string;
        limit: string;
        after?: string;
        json?: boolean;
      }) => {
        const rows = await withClient((client) =>
          client.listTasks({
            ...(options.state === undefined ? {} : { states: options.state }),
            ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
            ...(options.workflow === undefined ? {} : { workflow: options.workflow }),
            ...(options.after === undefined ? {} : { after: options.after }),
            limit: wholeNumber('--limit', options.limit, 1, 1000),
          }),
        );
        print(rows, options.json, (list) =>
          table(
            ['TASK', 'WORKFLOW', 'VERSION', 'STATE', 'AGE'],
            list.map((task) => [
              task.task_id,
              `${task.namespace}/${task.workflow}`,
              task.version,
              task.state,
              age(task.requested_at),
            ]),
          ),
        );
        exit(STATUS.ok);
      },
    );

  const task = withJson(new Command('task'))
    .description('show one task: its graph with states, attempts, next retries and errors')
    .argument('<id>')
    .action(async (taskId: string, options: { json?: boolean }) => {
      const [found, schedulers] = await withClient((client) =>
        Promise.all([client.getTask(taskId), client.liveSchedulers()]),
      );
      if (found === undefined) {
        console.error(`tasker: there is no task ${taskId}`);
        exit(STATUS.notFound);
        return;
      }
      print(found, options.json, drawTask);
      // What a scheduler would do next.
      const waits = found.steps.some((step) => step.next_retry_at !== null || step.state === 'in_progress');
      if (waits) warnOfNoScheduler(schedulers);
      exit(STATUS.ok);
    });

  const workers = withJson(new Command('workers'))
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

  const queues = withJson(new Command('queues'))
    .description('list queues that have ready steps, with their depth and the age of the oldest')
    .action(async (options: { json?: boolean }) => {
      const rows = await withClient((client) => client.queues());
      print(rows, options.json, (list) =>
        table(
          ['QUEUE', 'READY', 'OLDEST'],
          list.map((queue) => [queue.queue, String(queue.ready), duration(queue.oldest_ready_seconds)]),
        ),
      );
      exit(STATUS.ok);
    });
  return [tasks, task, workers, queues];
}

const retryText = (seconds: number): string =>
  seconds >= 0 ? `next retry in ${duration(seconds)}` : `retry overdue by ${duration(-seconds)}`;

/** A task as text: one line a step, indented by its distance from a root, with what it waits for or failed with below. */
export function drawTask(task: TaskDetails): string {
  const depth = new Map<string, number>();
  for (const step of task.steps) {
    depth.set(step.name, Math.max(0, ...step.parents.map((parent) => (depth.get(parent) ?? 0) + 1)));
  }
  const lines = [
    `task ${task.task_id}  ${task.namespace}/${task.workflow}@${task.version}  ${task.state}  requested ${task.requested_at.toISOString()}`,
  ];
  for (const step of task.steps) {
    const indent = '  '.repeat((depth.get(step.name) ?? 0) + 1);
    const notes = [
      step.parents.length > 0 ? `<- ${step.parents.join(', ')}` : '',
      step.attempts > 0 ? `attempt ${step.attempts} of ${step.retry_limit}` : '',
      step.ready ? `ready in queue ${step.queue}` : '',
      step.claimed_by === null ? '' : `at worker ${step.claimed_by}`,
      step.next_retry_at === null ? '' : retryText((step.next_retry_at.getTime() - Date.now()) / 1000),
      step.blocked_at === null ? '' : 'no retry will come',
    ].filter((note) => note !== '');
    lines.push(
      `${indent}${SYMBOLS[step.state] ?? '?'} ${step.name}  ${step.state}${notes.length === 0 ? '' : `  (${notes.join('; ')})`}`,
    );
    if (step.state === 'error' && step.last_error !== null) {
      lines.push(`${indent}    ${step.last_error.name ?? 'Error'}: ${step.last_error.message ?? ''}`);
    }
  }
  return lines.join('\n');
}

const SYMBOLS: Record<string, string> = {
  pending: '.',
  in_progress: '>',
  complete: '+',
  error: '!',
  cancelled: 'x',
  resolved_manually: '=',
};
