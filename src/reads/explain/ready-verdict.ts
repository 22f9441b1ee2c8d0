import { countAhead, findQueueSignal, type QueueSignalRow } from '../../db/reads/explain/queue.ts';
import { findHeldSteps, findLateResume, type HeldStepsRow } from '../../db/reads/explain/fleet.ts';
import type { ExplainedStepRow } from '../../db/reads/explain/task.ts';
import { xminHolders } from '../../db/health/xmin-holders.ts';
import { QUARANTINE } from '../../db/statements/queues/quarantine.ts';
import { bugVerdict } from './bug-verdict.ts';
import { action, type Conclusion, type NextAction, type Reason, reason } from './explanation.ts';
import { coverageOf, quarantinedVerdict, unservedVerdict } from './coverage-verdicts.ts';
import { pausedVerdict } from './paused-verdict.ts';
import { count, rounded, seconds, secondsBetween } from './say.ts';
import type { Scene } from './scene.ts';

/** Counts stop here: beyond it the number makes no difference. */
const MOST_AHEAD = 10_000;
/** Of steps that run. With more, the sum of the heartbeats is taken. */
const MOST_HELD = 5000;
/** A worker joined so recently: the fleet grows. */
const JOINED_WITHIN_SECONDS = 120;
/** A ready step with a free slot and nothing before it is claimed within the longest poll interval, or a few statements, once it may be. */
const CLAIMED_WITHIN_SECONDS = 60;
/** Claims get slow if dead rows were not removed for this time. */
const HELD_BACK_SECONDS = 600;
const SLOW_CLAIM_SECONDS = 10;

/** The step is ready: what keeps a worker from taking it. */
export async function readyVerdict(scene: Scene, step: ExplainedStepRow): Promise<Conclusion> {
  const quarantined = step.queue.endsWith(QUARANTINE);
  const queue = quarantined ? step.queue.slice(0, -QUARANTINE.length) : step.queue;
  const waited = Math.max(secondsBetween(step.ready_at as Date, scene.now), 0);
  const ready = reason(
    `it has been ready for ${seconds(waited)} in queue ${step.queue}`,
    { ready_seconds: rounded(waited), priority: step.priority, attempts: step.attempts },
    { task_id: scene.task.task_id, step: step.name, queue: step.queue },
  );
  const paused = await pausedVerdict(scene, queue);
  if (paused !== undefined) return { ...paused, because: [...paused.because, ready] };
  const coverage = await coverageOf(scene, step, queue);
  const unserved = await unservedVerdict(scene, queue, coverage);
  const found = unserved ?? (quarantined ? await quarantinedVerdict(scene, step, coverage) : undefined);
  if (found !== undefined) return { ...found, because: [...found.because, ready] };

  const ids = coverage.able.map((worker) => worker.worker_id);
  const [held] = await scene.db.run(findHeldSteps, { worker_ids: ids, most: MOST_HELD });
  const [ahead] = await scene.db.run(countAhead, {
    queue,
    priority: step.priority,
    ready_at: step.ready_at_text ?? '',
    step_id: step.step_id,
    named_task_id: step.named_task_id,
    worker_ids: ids,
    takes_any: coverage.able.some((worker) => worker.has_handler === null),
    as_of: scene.now,
    most: MOST_AHEAD + 1,
  });
  const [signal] = await scene.db.run(findQueueSignal, { queue, as_of: scene.now });
  const load = loadOf(scene, coverage.able, held, {
    ahead: ahead?.ahead ?? 0,
    moreAhead: (ahead?.read_steps ?? 0) > MOST_AHEAD,
    signal,
    queue,
  });
  const because = [ready, ...load.because];
  if (load.busy >= load.slots || load.moreAhead || load.ahead >= load.slots - load.busy) {
    const grows =
      signal?.valid === true &&
      signal.desired_replicas > coverage.able.length &&
      coverage.able.some((worker) => worker.started_seconds < JOINED_WITHIN_SECONDS);
    const verdict = grows ? 'FLEET_SCALING' : load.busy >= load.slots ? 'ALL_SLOTS_BUSY' : 'BEHIND';
    return { verdict, because, until: load.eta, next: load.next };
  }
  const isHeldUp = load.ahead > 0 || load.reported >= load.slots;
  const free = isHeldUp ? 0 : Math.min(waited, ...coverage.able.map((worker) => worker.started_seconds));
  return freeVerdict(scene, step, { queue, waited, free }, because);
}

interface Load {
  slots: number;
  busy: number;
  /** Busy slots, by the heartbeats: a second ago they may have been more. */
  reported: number;
  ahead: number;
  /** Not everything before it was read. */
  moreAhead: boolean;
  eta: Date | null;
  because: Reason[];
  next: NextAction[];
}

/** What the workers that can run it do, what comes before it, and when its turn comes at the present pace. */
function loadOf(
  scene: Scene,
  able: readonly { slots: number; busy_slots: number }[],
  held: HeldStepsRow | undefined,
  {
    ahead,
    moreAhead,
    signal,
    queue,
  }: { ahead: number; moreAhead: boolean; signal: QueueSignalRow | undefined; queue: string },
): Load {
  const slots = able.reduce((sum, worker) => sum + worker.slots, 0);
  const exact = (held?.held ?? 0) < MOST_HELD;
  const reported = able.reduce((sum, worker) => sum + worker.busy_slots, 0);
  const busy = exact ? (held?.held ?? 0) : reported;
  const because: Reason[] = [
    reason(
      `${count(able.length, 'worker')} can run it, with ${count(slots, 'slot')}, ${busy >= slots ? 'all of them' : String(busy)} busy`,
      { workers: able.length, slots, busy_slots: busy, counted_now: exact },
      { queue },
    ),
  ];
  const { oldest_at: oldestAt = null, oldest_task_id: oldestTask = null, oldest_step: oldestStep = null } = held ?? {};
  if (busy >= slots && oldestAt !== null && oldestTask !== null && oldestStep !== null) {
    const age = Math.max(secondsBetween(oldestAt, scene.now), 0);
    because.push(
      reason(
        `the step that has run longest is ${oldestStep} of task ${oldestTask}, for ${seconds(age)}`,
        { oldest_running_seconds: rounded(age) },
        { task_id: oldestTask, step: oldestStep },
      ),
    );
  }
  const rate = signal?.completion_rate ?? 0;
  const eta = ahead > 0 && !moreAhead && rate > 0 ? ahead / rate : undefined;
  because.push(
    reason(
      ahead === 0 && !moreAhead
        ? 'nothing in the queue comes before it'
        : `${moreAhead ? `of the ${count(MOST_AHEAD, 'ready step')} that were read before it, these workers take ${count(ahead, 'step')}` : `${count(ahead, 'ready step')} ${ahead === 1 ? 'comes' : 'come'} before it`}${rate > 0 ? `, and ${rounded(rate)} complete a second` : ''}${eta === undefined ? '' : `: its turn comes in about ${seconds(eta)}`}`,
      {
        ahead: Math.min(ahead, MOST_AHEAD),
        more_ahead: moreAhead,
        completions_per_second: signal === undefined ? undefined : rounded(rate),
        eta_seconds: eta === undefined ? undefined : rounded(eta),
      },
      { queue },
    ),
  );
  const next: NextAction[] = [];
  if (signal !== undefined && signal.desired_replicas > able.length) {
    because.push(
      reason(
        `the scaling signal of the queue asks for ${count(signal.desired_replicas, 'worker')} (${signal.reason}), measured ${seconds(signal.measured_seconds)} ago`,
        {
          desired_workers: signal.desired_replicas,
          live_workers: able.length,
          signal_reason: signal.reason,
          signal_seconds_ago: rounded(signal.measured_seconds),
        },
        { queue },
      ),
    );
    next.push(action('Run more workers, or check the autoscaler that reads the signal.', 'tasker workers'));
  } else if (busy >= slots) {
    next.push(action('Run more workers, or give them more slots.', 'tasker workers'));
  }
  const until = eta === undefined ? null : new Date(scene.now.getTime() + eta * 1000);
  return { slots, busy, reported, ahead, moreAhead, eta: until, because, next };
}

/**
 * A worker with a free slot can run it, and enough slots are free for it: it starts now, or something is wrong. `free`: for how long that has been so at
 * most, in seconds. It may have been ready for long before: then a worker has just joined, a slot has just been freed, or what was paused was resumed.
 */
async function freeVerdict(
  scene: Scene,
  step: ExplainedStepRow,
  { queue, waited, free }: { queue: string; waited: number; free: number },
  because: readonly Reason[],
): Promise<Conclusion> {
  if (waited <= SLOW_CLAIM_SECONDS) return { verdict: 'ABOUT_TO_START', because };
  const holders = await scene.db.run(xminHolders);
  const holder = holders.find(({ seconds: since }) => since !== null && since > HELD_BACK_SECONDS);
  if (holder !== undefined) {
    const since = holder.seconds ?? 0;
    return {
      verdict: 'DATABASE_BEHIND',
      because: [
        ...because,
        reason(
          `${holder.kind.replaceAll('_', ' ')} ${holder.holder} has kept the database from removing dead rows for ${seconds(since)}, so claims read through them`,
          {
            holder_kind: holder.kind,
            holder: holder.holder,
            holder_seconds: rounded(since),
            transactions: holder.transactions,
          },
        ),
      ],
      next: [action(`End what holds them back: ${holder.kind.replaceAll('_', ' ')} ${holder.holder}.`)],
    };
  }
  if (free <= CLAIMED_WITHIN_SECONDS) return { verdict: 'ABOUT_TO_START', because };
  const { namespace, workflow } = scene.task;
  const within = { queue, workflow: `${namespace}/${workflow}`, as_of: scene.now, seconds: CLAIMED_WITHIN_SECONDS };
  if ((await scene.db.run(findLateResume, within)).length > 0) return { verdict: 'ABOUT_TO_START', because };
  const bug = await bugVerdict(scene, 'ready_step_is_claimed', step);
  return {
    ...bug,
    because: [
      ...because,
      reason(
        `this does not hold: a worker with a free slot takes a ready step within ${CLAIMED_WITHIN_SECONDS} s`,
        { invariant: 'ready_step_is_claimed' },
        { task_id: scene.task.task_id, step: step.name },
      ),
      ...bug.because,
    ],
    next: [
      action(
        'Read the log of a worker that can run it: it may not reach the database, or not write its outcomes.',
        'tasker workers',
      ),
      action('Restart that worker: nothing is lost, its steps are given back or recovered.'),
      ...(bug.next ?? []),
    ],
  };
}
