/**
 * How many workers a queue should have. Terminology:
 *
 * - observation: what was measured of a queue at one moment, by the database clock
 * - signal: what the policy computes from it, with the values that the next evaluation needs
 * - slots: how many handlers a replica (one worker) runs at once
 * - start latency: from ready to claimed; its target is set by the operator
 *
 * Pure. The scheduler evaluates it, the simulator replays it.
 */
export interface QueueObservation {
  /** Seconds of the epoch. */
  readonly at: number;
  readonly ready: number;
  readonly oldestReadySeconds: number;
  /** Totals over all workers: attempts begun, attempts completed, and the seconds that the completed ones took. */
  readonly startedTotal: number;
  readonly completedTotal: number;
  readonly completedSecondsTotal: number;
  /** Handlers that run now, and the sum of the times since each began. */
  readonly running: number;
  readonly runningSeconds: number;
  /** Live workers that serve the queue, without draining ones. */
  readonly workers: number;
  /** Mean slots of one worker; null if there is none. */
  readonly slotsPerWorker: number | null;
}

export interface ScalingSettings {
  /** Ready steps should start within this time. */
  readonly startLatencySeconds: number;
  /** Share of the slots that steady work may fill; the rest is room for the unevenness of arrivals. */
  readonly utilization: number;
  /** Mean time of a step until one was measured. */
  readonly assumedStepSeconds: number;
  /** Slots of a worker until one was seen. */
  readonly assumedSlots: number;
  /**
   * Steps per second that one worker can run at most, even if they are very short: bounded by its processor and its share of
   * the database.
   */
  readonly workerStepsPerSecond: number;
  /** After this time without an arrival the rate is zero: a decaying average would never reach zero. */
  readonly quietSeconds: number;
}

/**
 * Why the signal has its value. `load`: the work needs it. `idle`: there is nothing to do. `stalled`: handlers run far longer
 * than before and hardly any completes, so more of them would only hang too. `unclaimed`: steps wait although slots are free,
 * so no worker here can run them. The last two hold the number.
 */
export type ScalingReason = 'load' | 'idle' | 'stalled' | 'unclaimed';

export interface QueueSignal {
  readonly at: number;
  readonly desiredReplicas: number;
  /** What the work needs, before it is rounded up to whole workers, held or capped. */
  readonly desiredSlots: number;
  readonly reason: ScalingReason;
  readonly arrivalRate: number;
  readonly startRate: number;
  readonly completionRate: number;
  /** Seconds since something last arrived. */
  readonly quietSeconds: number;
  /** Mean duration of completed attempts, and the weight of the attempts in it. */
  readonly stepSeconds: number;
  readonly stepWeight: number;
  readonly slotsPerWorker: number;
  readonly observation: QueueObservation;
}

/**
 * The average follows a rise sooner than a fall: starting workers late misses the target, stopping them late costs a little
 * money.
 */
const ARRIVALS_UP_SECONDS = 10;
const ARRIVALS_DOWN_SECONDS = 60;
const STARTS_SECONDS = 30;
const COMPLETIONS_SECONDS = 10;
const SHORTEST_SECONDS = 0.05;
const STEP_TIME_SECONDS = 120;
/** No fleet is larger; the result of a nonsensical measurement stays a number that can be stored everywhere. */
const MOST_REPLICAS = 100_000;
/** How much faster than the target a backlog that is already late is worked off, at most. */
const MOST_HASTE = 2;
/** A queue is stalled if running handlers are this many times older than a step takes, and completions are below this share. */
const STALL_AGE = 2;
const STALL_SHARE = 0.25;
/** A backlog is unclaimed if more than half of the slots are free and starts are below this share of what those could do. */
const UNCLAIMED_SHARE = 0.1;

/** Moves an average towards a sample that was measured over `seconds`; `over` is its time constant. */
const towards = (average: number, sample: number, seconds: number, over: number): number =>
  average + (sample - average) * (1 - Math.exp(-seconds / over));

/** The next signal of a queue. Without `previous` the rates are not known yet: the backlog alone decides. */
export function nextSignal(
  previous: QueueSignal | undefined,
  observation: QueueObservation,
  settings: ScalingSettings,
): QueueSignal {
  const rates = measureRates(previous, observation, settings);
  const slotsPerWorker = Math.max(1, observation.slotsPerWorker ?? previous?.slotsPerWorker ?? settings.assumedSlots);
  const { ready, running } = observation;
  const idle = ready === 0 && running === 0 && rates.arrivalRate === 0;
  const desiredSlots = idle ? 0 : neededSlots(rates, observation, slotsPerWorker, settings);
  // The small tolerance keeps 50.000000001 slots, a rounding error, from becoming two workers.
  const wanted = idle ? 0 : Math.min(MOST_REPLICAS, Math.max(1, Math.ceil(desiredSlots / slotsPerWorker - 1e-6)));
  const hold = idle ? undefined : reasonToHold(previous, rates, observation, slotsPerWorker, settings);
  return {
    at: observation.at,
    desiredReplicas: hold === undefined ? wanted : Math.min(wanted, heldAt(previous, observation)),
    desiredSlots,
    reason: hold ?? (idle ? 'idle' : 'load'),
    slotsPerWorker,
    observation,
    ...rates,
  };
}

type Rates = Pick<
  QueueSignal,
  'arrivalRate' | 'startRate' | 'completionRate' | 'quietSeconds' | 'stepSeconds' | 'stepWeight'
>;

/** What happened in a queue between two observations. */
export interface QueueFlow {
  readonly seconds: number;
  readonly arrived: number;
  readonly started: number;
  readonly completed: number;
  /** Seconds of those that completed. */
  readonly took: number;
}

/**
 * Undefined if it cannot be known: totals fall when the records of stopped processes are removed, and a measurement over no time at all is
 * useless.
 */
export function flowBetween(previous: QueueSignal, observation: QueueObservation): QueueFlow | undefined {
  const before = previous.observation;
  const seconds = observation.at - previous.at;
  const started = observation.startedTotal - before.startedTotal;
  const completed = observation.completedTotal - before.completedTotal;
  const took = observation.completedSecondsTotal - before.completedSecondsTotal;
  if (seconds < SHORTEST_SECONDS || started < 0 || completed < 0 || took < 0) return undefined;
  return { seconds, arrived: Math.max(0, observation.ready - before.ready + started), started, completed, took };
}

function measureRates(
  previous: QueueSignal | undefined,
  observation: QueueObservation,
  settings: ScalingSettings,
): Rates {
  if (previous === undefined) {
    const { completedTotal, completedSecondsTotal, ready } = observation;
    return {
      arrivalRate: 0,
      startRate: 0,
      completionRate: 0,
      quietSeconds: ready > 0 ? 0 : settings.quietSeconds,
      stepSeconds: completedTotal > 0 ? completedSecondsTotal / completedTotal : settings.assumedStepSeconds,
      stepWeight: Math.min(completedTotal, 1),
    };
  }
  const flow = flowBetween(previous, observation);
  if (flow === undefined) {
    const { arrivalRate, startRate, completionRate, quietSeconds, stepSeconds, stepWeight } = previous;
    return { arrivalRate, startRate, completionRate, quietSeconds, stepSeconds, stepWeight };
  }

  const { seconds, started, arrived, completed, took } = flow;
  const sample = arrived / seconds;
  const quietSeconds = arrived > 0 ? 0 : previous.quietSeconds + seconds;
  const over = sample > previous.arrivalRate ? ARRIVALS_UP_SECONDS : ARRIVALS_DOWN_SECONDS;
  const keptWeight = previous.stepWeight * Math.exp(-seconds / STEP_TIME_SECONDS);
  const stepWeight = keptWeight + completed;
  return {
    arrivalRate: quietSeconds >= settings.quietSeconds ? 0 : towards(previous.arrivalRate, sample, seconds, over),
    startRate: towards(previous.startRate, started / seconds, seconds, STARTS_SECONDS),
    completionRate: towards(previous.completionRate, completed / seconds, seconds, COMPLETIONS_SECONDS),
    quietSeconds,
    stepSeconds: completed > 0 ? (previous.stepSeconds * keptWeight + took) / stepWeight : previous.stepSeconds,
    stepWeight,
  };
}

/**
 * Steady work (Little's law: arrivals x time of a step) with some room, and the backlog within one target latency: a step
 * that takes less than the target leaves its slot to others in that time, one that takes more needs a slot of its own.
 * Never less than what runs now: those slots are in use.
 */
function neededSlots(rates: Rates, observation: QueueObservation, slots: number, settings: ScalingSettings): number {
  const slotSeconds = Math.max(rates.stepSeconds, slots / settings.workerStepsPerSecond);
  const steady = (rates.arrivalRate * slotSeconds) / settings.utilization;
  const target = settings.startLatencySeconds;
  const haste = Math.min(MOST_HASTE, Math.max(1, observation.oldestReadySeconds / target));
  const backlog = observation.ready * Math.min(1, (haste * slotSeconds) / target);
  return Math.max(steady + backlog, observation.running);
}

function reasonToHold(
  previous: QueueSignal | undefined,
  rates: Rates,
  observation: QueueObservation,
  slots: number,
  settings: ScalingSettings,
): 'stalled' | 'unclaimed' | undefined {
  const { running, runningSeconds, workers, ready, oldestReadySeconds } = observation;
  const { stepSeconds, completionRate, startRate } = rates;
  const old =
    running > 0 && runningSeconds / running > Math.max(STALL_AGE * stepSeconds, settings.startLatencySeconds / 2);
  // Handlers that hang until their time limit are followed by new ones, which will hang too: only completions end a stall.
  const suspect = old || (previous?.reason === 'stalled' && running + ready > 0);
  if (suspect && completionRate * stepSeconds < STALL_SHARE * Math.max(1, running)) return 'stalled';

  const free = workers * slots - running;
  const possible = Math.min(free / stepSeconds, workers * settings.workerStepsPerSecond);
  const late = ready > 0 && oldestReadySeconds > 2 * settings.startLatencySeconds;
  if (late && free > (workers * slots) / 2 && startRate < UNCLAIMED_SHARE * possible) return 'unclaimed';
  return undefined;
}

/** The number that a hold keeps: the number of workers when it began. */
function heldAt(previous: QueueSignal | undefined, { workers }: QueueObservation): number {
  if (previous === undefined) return Math.max(1, workers);
  const held = previous.reason === 'stalled' || previous.reason === 'unclaimed';
  return Math.max(1, held ? previous.desiredReplicas : Math.min(previous.desiredReplicas, Math.max(1, workers)));
}
