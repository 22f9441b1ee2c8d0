/**
 * The decisions of KEDA and the HorizontalPodAutoscaler: when they read the signal, what they derive from it, how fast they
 * follow. KEDA takes a deployment from zero to one and back; in between the HPA follows the signal (AverageValue, target 1),
 * within its stabilization windows and policies. Pure: the caller passes the time.
 */
export interface ScalingPolicy {
  readonly stabilizationSeconds: number;
  /** At most this share (1 = double, or all) or this number of pods per period, whichever is more. */
  readonly share: number;
  readonly pods: number;
  readonly periodSeconds: number;
}

export interface AutoscalerSettings {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** KEDA's pollingInterval: how often it checks whether there is work. */
  readonly pollingSeconds: number;
  /** KEDA's cooldownPeriod: how long there must have been no work before it goes to zero. */
  readonly cooldownSeconds: number;
  /** The HPA controller's sync period, and the deviation of the ratio that it tolerates. */
  readonly syncSeconds: number;
  readonly tolerance: number;
  readonly up: ScalingPolicy;
  readonly down: ScalingPolicy;
}

/** The values of deploy/k8s/components/keda-postgresql; a test compares the two. */
export const DEFAULT_AUTOSCALER: AutoscalerSettings = {
  minReplicas: 0,
  maxReplicas: 50,
  pollingSeconds: 10,
  cooldownSeconds: 300,
  syncSeconds: 15,
  tolerance: 0.1,
  up: { stabilizationSeconds: 0, share: 1, pods: 4, periodSeconds: 15 },
  down: { stabilizationSeconds: 300, share: 0.5, pods: 2, periodSeconds: 60 },
};

interface Change {
  at: number;
  by: number;
}

export class Autoscaler {
  private readonly settings: AutoscalerSettings;
  private nextPoll = Number.NEGATIVE_INFINITY;
  private nextSync = Number.NEGATIVE_INFINITY;
  private lastActive = Number.NEGATIVE_INFINITY;
  private recommendations: { at: number; replicas: number }[] = [];
  private changes: Change[] = [];

  constructor(settings: AutoscalerSettings) {
    this.settings = settings;
  }

  /** The replicas to have from now on. `now` in seconds; `signal`: undefined if it cannot be read; then nothing changes. */
  decide(now: number, signal: number | undefined, current: number): number {
    const { settings } = this;
    let replicas = current;
    if (now >= this.nextPoll) {
      this.nextPoll = now + settings.pollingSeconds;
      if (signal !== undefined && signal > 0) this.lastActive = now;
      if (signal !== undefined && signal > 0 && current === 0) replicas = Math.max(1, settings.minReplicas);
      if (signal === 0 && settings.minReplicas === 0 && now - this.lastActive >= settings.cooldownSeconds) replicas = 0;
      if (replicas < settings.minReplicas) replicas = settings.minReplicas;
    }
    // At zero the HPA does not act, and its recommendations are dropped.
    if (replicas === 0) this.recommendations = [];
    else if (now >= this.nextSync) {
      this.nextSync = now + settings.syncSeconds;
      if (signal !== undefined) replicas = this.follow(now, signal, replicas);
    }
    if (replicas !== current) this.changes.push({ at: now, by: replicas - current });
    return replicas;
  }

  private follow(now: number, signal: number, current: number): number {
    const { settings } = this;
    const near = Math.abs(signal / current - 1) <= settings.tolerance;
    const bounded = Math.min(
      settings.maxReplicas,
      Math.max(1, settings.minReplicas, near ? current : Math.ceil(signal)),
    );
    const longest = Math.max(settings.up.stabilizationSeconds, settings.down.stabilizationSeconds);
    this.recommendations = this.recommendations.filter(({ at }) => at > now - longest);
    this.recommendations.push({ at: now, replicas: bounded });
    this.changes = this.changes.filter(
      ({ at }) => at > now - Math.max(settings.up.periodSeconds, settings.down.periodSeconds),
    );
    const within = (seconds: number): number[] =>
      this.recommendations.filter(({ at }) => at > now - seconds || at === now).map(({ replicas }) => replicas);
    // The lowest recent recommendation limits going up, the highest limits going down.
    const ceiling = Math.min(...within(settings.up.stabilizationSeconds));
    const floor = Math.max(...within(settings.down.stabilizationSeconds));
    const stable = current < ceiling ? ceiling : current > floor ? floor : current;
    if (stable > current) {
      const before = current - this.sum(now, settings.up.periodSeconds, 1);
      const most = Math.max(before + settings.up.pods, Math.ceil(before * (1 + settings.up.share)));
      return Math.max(current, Math.min(stable, most));
    }
    if (stable < current) {
      const before = current - this.sum(now, settings.down.periodSeconds, -1);
      const least = Math.min(before - settings.down.pods, Math.floor(before * (1 - settings.down.share)));
      return Math.min(current, Math.max(stable, least, 1));
    }
    return current;
  }

  /** Replicas added (sign 1) or removed (sign -1, a negative number) within the last seconds. */
  private sum(now: number, seconds: number, sign: 1 | -1): number {
    return this.changes
      .filter(({ at, by }) => at > now - seconds && Math.sign(by) === sign)
      .reduce((total, { by }) => total + by, 0);
  }
}
