import { findServedVersions, findServingWorkers, type ServingWorkerRow } from '../../db/reads/explain/fleet.ts';
import { countCrashes, findQueueSignal } from '../../db/reads/explain/queue.ts';
import type { ExplainedStepRow } from '../../db/reads/explain/task.ts';
import { action, type Conclusion, type NextAction, type Reason, reason } from './explanation.ts';
import { count, rounded, seconds, word } from './say.ts';
import type { Scene } from './scene.ts';

/** A worker reports its workflows within some seconds of its start; until then it may have the handlers. */
const REPORTS_WITHIN_SECONDS = 15;

/** The live workers on a queue. */
export interface Coverage {
  readonly serving: readonly ServingWorkerRow[];
  readonly draining: number;
  /** Those that have handlers for the workflow version, or may have. */
  readonly able: readonly ServingWorkerRow[];
}

export async function coverageOf(scene: Scene, step: ExplainedStepRow, queue: string): Promise<Coverage> {
  const workers = await scene.db.run(findServingWorkers, {
    queue,
    named_task_id: step.named_task_id,
    as_of: scene.now,
  });
  const serving = workers.filter(({ draining }) => !draining);
  return {
    serving,
    draining: workers.length - serving.length,
    able: serving.filter(({ has_handler: has, started_seconds: age }) => has ?? age < REPORTS_WITHIN_SECONDS),
  };
}

/** Nobody takes it, because no live worker serves the queue, or none of them has the handlers. Undefined: somebody can. */
export async function unservedVerdict(
  scene: Scene,
  queue: string,
  { serving, draining, able }: Coverage,
): Promise<Conclusion | undefined> {
  if (able.length > 0) return undefined;
  const { namespace, workflow, version } = scene.task;
  const versions = await scene.db.run(findServedVersions, { namespace, name: workflow, as_of: scene.now });
  const served = versions.filter((each) => each.workers > 0);
  const own = versions.find((each) => each.version === version);
  const problem = own?.problem ?? null;
  const others: Reason[] = [];
  if (draining > 0) {
    others.push(
      reason(
        `${count(draining, 'worker')} on this queue ${draining === 1 ? 'is' : 'are'} shutting down and ${draining === 1 ? 'takes' : 'take'} nothing more`,
        { draining_workers: draining },
        { queue },
      ),
    );
  }
  if (problem !== null) {
    others.push(
      reason(`a live worker has code for it and refuses it: ${problem}`, { problem }, { workflow: scene.workflow }),
    );
  }
  if (serving.length === 0) return noWorker(scene, queue, own?.workers ?? 0, others);
  const list = served.map((each) => each.version);
  return {
    verdict: 'NO_HANDLER',
    because: [
      reason(
        `${count(serving.length, 'live worker serves', 'live workers serve')} queue ${queue}, and ${serving.length === 1 ? 'it has' : 'none has'} ${serving.length === 1 ? 'no ' : ''}handlers for ${scene.workflow}`,
        { workers_on_queue: serving.length, workers_with_handlers: 0 },
        { queue, workflow: scene.workflow },
      ),
      reason(
        list.length === 0
          ? `no live worker serves any version of ${namespace}/${workflow}`
          : `versions of ${namespace}/${workflow} that live workers serve: ${list.join(', ')}${list.includes(version) ? ' (on other queues)' : ''}`,
        { served_versions: list.join(', '), version },
        { workflow: scene.workflow },
      ),
      ...others,
    ],
    next: [
      action(
        list.includes(version)
          ? `Have the workers of this version serve queue ${queue}.`
          : `Deploy workers that export version ${version}, beside the newer ones, until its tasks have ended.`,
        `tasker worker --queues ${word(queue)}`,
      ),
      action('See which versions have open tasks, and who serves them.', 'tasker workflows'),
      action('Cancel the task if its work is no longer wanted.', `tasker cancel ${scene.task.task_id}`),
    ],
  };
}

async function noWorker(
  scene: Scene,
  queue: string,
  elsewhere: number,
  others: readonly Reason[],
): Promise<Conclusion> {
  const because: Reason[] = [
    reason(`no live worker serves queue ${queue}`, { workers_on_queue: 0 }, { queue }),
    ...others,
  ];
  const next: NextAction[] = [action('Start a worker for it.', `tasker worker --queues ${word(queue)}`)];
  if (elsewhere > 0) {
    because.push(
      reason(
        `${count(elsewhere, 'live worker has', 'live workers have')} handlers for ${scene.workflow}, on other queues`,
        { workers_with_handlers: elsewhere },
        { workflow: scene.workflow },
      ),
    );
  }
  const [signal] = await scene.db.run(findQueueSignal, { queue, as_of: scene.now });
  if (signal !== undefined && signal.desired_replicas > 0) {
    because.push(
      reason(
        `the scaling signal asks for ${count(signal.desired_replicas, 'worker')}, measured ${seconds(signal.measured_seconds)} ago: an autoscaler that reads it starts them`,
        {
          desired_workers: signal.desired_replicas,
          live_workers: 0,
          signal_reason: signal.reason,
          signal_seconds_ago: rounded(signal.measured_seconds),
        },
        { queue },
      ),
    );
  }
  return { verdict: 'NO_WORKER_ON_QUEUE', because, next };
}

/** It waits for a process of its own. */
export async function quarantinedVerdict(
  scene: Scene,
  step: ExplainedStepRow,
  { able }: Coverage,
): Promise<Conclusion> {
  const { task_id: taskId } = scene.task;
  const [row] = await scene.db.run(countCrashes, { task_id: taskId, step_id: step.step_id });
  const crashes = row?.crashes ?? 0;
  return {
    verdict: 'QUARANTINED',
    because: [
      reason(
        `${count(crashes, 'process', 'processes')} that ran it died, so it runs alone in a process that one of ${count(able.length, 'worker')} starts for it`,
        { crashes, workers: able.length, attempts: step.attempts, retry_limit: step.retry_limit },
        { task_id: taskId, step: step.name, queue: step.queue },
      ),
    ],
    next: [
      action('Find out what its handler does to a process: memory, native code, process.exit.', 'tasker workers --all'),
    ],
  };
}
