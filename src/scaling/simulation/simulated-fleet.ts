import { rateAt, type LoadProfile } from './load-profile.ts';
import type { QueueObservation } from '../policy.ts';

/** Steps that became ready, or began, at the same moment. */
interface Cohort {
  at: number;
  steps: number;
}
interface Running extends Cohort {
  end: number;
  /** Duration of each; `end` is its end in whole ticks. */
  seconds: number;
  fails: boolean;
}

export interface FleetSettings {
  slots: number;
  workerStepsPerSecond: number;
  /** From the decision to the first claim: scheduling, image, start of the process. */
  podStartSeconds: number;
  /** How long a draining worker waits for its handlers; the other steps are released without spending attempts. */
  drainGraceSeconds: number;
}

const RETRY_SECONDS = 15;
const RETRY_LIMIT = 3;

/** A queue and its workers in steps of one second. Steps start in order of arrival; a step that was given back goes first. */
export class SimulatedFleet {
  started = 0;
  completed = 0;
  completedSeconds = 0;
  failed = 0;
  givenBack = 0;
  /** Number of steps by the whole seconds that they waited to start. */
  readonly waits = new Map<number, number>();
  /** In order of arrival; released steps are in a queue of their own, which goes first. */
  private readonly waiting: Cohort[] = [];
  private readonly returned: Cohort[] = [];
  private waitingSteps = 0;
  private retries: Cohort[] = [];
  private handlers: Running[] = [];
  /** Times at which pods become workers; those in the past are workers. */
  private pods: number[] = [];
  private owed = 0;
  private fraction = 0;
  private readonly profile: LoadProfile;
  private readonly settings: FleetSettings;

  constructor(profile: LoadProfile, settings: FleetSettings) {
    this.profile = profile;
    this.settings = settings;
  }

  get replicas(): number {
    return this.pods.length;
  }

  get ready(): number {
    return this.waitingSteps;
  }

  get running(): number {
    return this.handlers.reduce((sum, { steps }) => sum + steps, 0);
  }

  workers(now: number): number {
    return this.pods.filter((readyAt) => readyAt <= now).length;
  }

  oldestSeconds(now: number): number {
    return Math.max(0, now - (this.waiting[0]?.at ?? now), now - (this.returned[0]?.at ?? now));
  }

  observe(now: number): QueueObservation {
    const workers = this.workers(now);
    return {
      at: now,
      ready: this.ready,
      oldestReadySeconds: this.oldestSeconds(now),
      startedTotal: this.started,
      completedTotal: this.completed,
      completedSecondsTotal: this.completedSeconds,
      running: this.running,
      runningSeconds: this.handlers.reduce((sum, { at, steps }) => sum + (now - at) * steps, 0),
      workers,
      slotsPerWorker: workers === 0 ? null : this.settings.slots,
    };
  }

  scaleTo(now: number, replicas: number): void {
    while (this.pods.length < replicas) this.pods.push(now + this.settings.podStartSeconds);
    if (replicas >= this.pods.length) return;
    const before = this.workers(now);
    // Pods that are not up yet are removed first, as with Kubernetes.
    this.pods = this.pods.toSorted((a, b) => a - b).slice(0, replicas);
    const gone = before - this.workers(now);
    if (gone > 0) this.drain(now, gone / before);
  }

  /** One second: ends, arrivals, starts. Returns how many arrived. */
  tick(now: number): number {
    if (this.profile.outages.some(({ from }) => from >= now && from < now + 1)) this.hang(now);
    this.end(now);
    const arrived = this.arrive(now);
    this.start(now);
    return arrived;
  }

  private arrive(now: number): number {
    this.owed += rateAt(this.profile, now);
    let steps = Math.floor(this.owed + 1e-9);
    this.owed -= steps;
    for (const burst of this.profile.bursts) if (burst.at >= now && burst.at < now + 1) steps += burst.steps;
    const due = this.retries.filter(({ at }) => at <= now);
    for (const cohort of steps > 0 ? [...due, { at: now, steps }] : due) {
      this.waiting.push(cohort);
      this.waitingSteps += cohort.steps;
    }
    this.retries = this.retries.filter(({ at }) => at > now);
    return steps;
  }

  private start(now: number): void {
    const { slots, workerStepsPerSecond } = this.settings;
    const workers = this.workers(now);
    const free = Math.max(0, workers * slots - this.running);
    const { seconds, fails } = this.duration(now);
    // A step shorter than a tick leaves its slot to others within it.
    let budget = Math.floor(Math.min(workers * workerStepsPerSecond, seconds >= 1 ? free : free / seconds));
    let begun = 0;
    while (budget > 0 && this.waitingSteps > 0) {
      const queue = this.returned.length > 0 ? this.returned : this.waiting;
      const first = queue[0] as Cohort;
      const steps = Math.min(first.steps, budget);
      const waited = Math.max(0, Math.floor(now - first.at));
      this.waits.set(waited, (this.waits.get(waited) ?? 0) + steps);
      first.steps -= steps;
      budget -= steps;
      begun += steps;
      this.waitingSteps -= steps;
      if (first.steps === 0) queue.shift();
    }
    if (begun === 0) return;
    this.started += begun;
    if (seconds >= 1) {
      // Time advances in whole seconds: of ten steps of 1.3 s seven take one tick and three take two.
      this.fraction += begun * (seconds % 1);
      const longer = Math.min(begun, Math.floor(this.fraction + 1e-9));
      this.fraction -= longer;
      const end = now + Math.floor(seconds);
      for (const part of [
        { steps: begun - longer, end },
        { steps: longer, end: end + 1 },
      ]) {
        if (part.steps > 0) this.handlers.push({ at: now, seconds, fails, ...part });
      }
    } else {
      this.completed += begun;
      this.completedSeconds += begun * seconds;
    }
  }

  private duration(now: number): { seconds: number; fails: boolean } {
    const { stepSeconds, stepTimeoutSeconds, outages } = this.profile;
    const outage = outages.find(({ from, to }) => now >= from && now < to);
    const seconds = (outage === undefined ? 0 : outage.to - now) + stepSeconds;
    return seconds > stepTimeoutSeconds ? { seconds: stepTimeoutSeconds, fails: true } : { seconds, fails: false };
  }

  /** Handlers that run when an outage begins hang with it. */
  private hang(now: number): void {
    const { stepTimeoutSeconds } = this.profile;
    for (const running of this.handlers) {
      const { seconds } = this.duration(now);
      running.end = Math.ceil(Math.min(running.at + stepTimeoutSeconds, now + seconds));
      running.fails = running.end < now + seconds;
      running.seconds = running.end - running.at;
    }
  }

  private end(now: number): void {
    for (const { end, seconds, steps, fails } of this.handlers) {
      if (end > now) continue;
      if (!fails) {
        this.completed += steps;
        this.completedSeconds += steps * seconds;
        continue;
      }
      this.failed += steps;
      // One attempt in RETRY_LIMIT of a cohort is the last one of its step.
      const again = Math.floor(steps * (1 - 1 / RETRY_LIMIT));
      if (again > 0) this.retries.push({ at: now + RETRY_SECONDS, steps: again });
    }
    this.handlers = this.handlers.filter(({ end }) => end > now);
  }

  /** Removes a share of the workers: handlers that end within the grace period complete, the steps of the others are released. */
  private drain(now: number, share: number): void {
    let back = 0;
    for (const running of this.handlers) {
      if (running.end <= now + this.settings.drainGraceSeconds) continue;
      const steps = Math.round(running.steps * share);
      running.steps -= steps;
      back += steps;
    }
    this.handlers = this.handlers.filter(({ steps }) => steps > 0);
    if (back === 0) return;
    this.givenBack += back;
    this.waitingSteps += back;
    this.returned.push({ at: now, steps: back });
  }
}
