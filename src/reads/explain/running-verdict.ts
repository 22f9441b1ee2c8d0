import type { HolderRow } from '../../db/reads/explain/fleet.ts';
import { findUsualDuration } from '../../db/reads/explain/queue.ts';
import type { ExplainedStepRow } from '../../db/reads/explain/task.ts';
import { bugVerdict } from './bug-verdict.ts';
import { action, type Conclusion, reason } from './explanation.ts';
import { rounded, seconds, secondsBetween } from './say.ts';
import type { Scene } from './scene.ts';

/** After this share of its lease without a heartbeat a process counts as silent here: three or more heartbeats are missing by then. */
const SILENT_SHARE = 0.4;
/** A scheduler takes the steps of a dead process back within a second or two: after this time, none does. */
const RECOVERED_WITHIN_SECONDS = 60;

/** The step is in progress. */
export async function runningVerdict(scene: Scene, step: ExplainedStepRow): Promise<Conclusion> {
  const holder = await scene.holderOf(step);
  const since = step.last_attempted_at === null ? 0 : Math.max(secondsBetween(step.last_attempted_at, scene.now), 0);
  if (holder !== undefined && !isSilent(holder, scene.now)) return running(scene, step, holder, since);
  if (step.claim_recorded !== true) return bugVerdict(scene, 'claim_recorded', step);
  return silent(scene, step, holder, since);
}

const isSilent = (holder: HolderRow, now: Date): boolean =>
  holder.stopped_at !== null ||
  holder.lease_expires_at <= now ||
  holder.silent_seconds > holder.lease_seconds * SILENT_SHARE;

async function running(scene: Scene, step: ExplainedStepRow, holder: HolderRow, since: number): Promise<Conclusion> {
  const [usual] = await scene.db.run(findUsualDuration, {
    named_task_id: step.named_task_id,
    named_step_id: step.named_step_id,
  });
  const p95 = usual?.running_p95 ?? undefined;
  const slow = p95 !== undefined && since > p95 * 2 && since > 1;
  const leaseLeft = secondsBetween(scene.now, holder.lease_expires_at);
  return {
    verdict: 'RUNNING',
    because: [
      reason(
        `worker ${holder.name} (${holder.worker_id}) has run it for ${seconds(since)}, attempt ${step.attempts} of ${step.retry_limit}`,
        {
          running_seconds: rounded(since),
          attempt: step.attempts,
          retry_limit: step.retry_limit,
          silent_seconds: rounded(holder.silent_seconds),
          lease_left_seconds: rounded(leaseLeft),
          usual_p95_seconds: p95,
        },
        { task_id: scene.task.task_id, step: step.name, worker_id: holder.worker_id },
      ),
      ...(slow
        ? [
            reason(`95 of 100 attempts of this step take less than ${seconds(p95)}`, {
              usual_p95_seconds: p95,
              times_longer: rounded(since / p95),
            }),
          ]
        : []),
    ],
    next: slow
      ? [
          action('The log lines of the step have its task id and its worker. It ends at its time limit at the latest.'),
          action('Cancel the task if its work is no longer wanted.', `tasker cancel ${scene.task.task_id}`),
        ]
      : [],
  };
}

async function silent(
  scene: Scene,
  step: ExplainedStepRow,
  holder: HolderRow | undefined,
  since: number,
): Promise<Conclusion> {
  const { now } = scene;
  const schedulers = await scene.liveSchedulers();
  const leaseEnded = holder === undefined ? undefined : secondsBetween(holder.lease_expires_at, now);
  const stoppedAt = holder?.stopped_at ?? null;
  const overdue =
    schedulers > 0 &&
    (stoppedAt !== null
      ? secondsBetween(stoppedAt, now) > RECOVERED_WITHIN_SECONDS
      : (leaseEnded ?? 0) > RECOVERED_WITHIN_SECONDS);
  if (overdue) return bugVerdict(scene, 'claim_of_a_living_worker', step);
  const who =
    holder === undefined ? 'a worker that is no longer listed' : `worker ${holder.name} (${holder.worker_id})`;
  const lastSign =
    holder === undefined
      ? ''
      : holder.stopped_at !== null
        ? '; the worker has ended'
        : `; its last heartbeat was ${seconds(holder.silent_seconds)} ago, its lease ${(leaseEnded ?? 0) > 0 ? `ended ${seconds(leaseEnded ?? 0)} ago` : `ends in ${seconds(-(leaseEnded ?? 0))}`}`;
  return {
    verdict: 'WORKER_SILENT',
    because: [
      reason(
        `${who} took it ${seconds(since)} ago${lastSign}`,
        {
          running_seconds: rounded(since),
          silent_seconds: holder === undefined ? undefined : rounded(holder.silent_seconds),
          lease_left_seconds: leaseEnded === undefined ? undefined : rounded(-leaseEnded),
          attempt: step.attempts,
          retry_limit: step.retry_limit,
          schedulers,
        },
        {
          task_id: scene.task.task_id,
          step: step.name,
          ...(step.claimed_by === null ? {} : { worker_id: step.claimed_by }),
        },
      ),
      schedulers > 0
        ? reason(
            'a scheduler takes the step back when it finds the worker dead, and it runs again if attempts are left',
            {
              schedulers,
            },
          )
        : reason('no scheduler lives, and only a scheduler takes steps of dead workers back', { schedulers }),
    ],
    until: schedulers > 0 && holder?.stopped_at === null ? holder.lease_expires_at : null,
    who: schedulers > 0 ? 'engine' : 'operator',
    next:
      schedulers > 0
        ? [action('Find out what happened to the process: its machine, its log.', 'tasker workers --all')]
        : [action('Start a scheduler; two or more, so that one may die.', 'tasker scheduler')],
  };
}
