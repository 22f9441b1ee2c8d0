import { Autoscaler, type AutoscalerSettings } from './autoscaler.ts';
import type { LoadProfile } from './load-profile.ts';
import { nextSignal, type QueueSignal, type ScalingReason, type ScalingSettings } from '../policy.ts';
import { type FleetSettings, SimulatedFleet } from './simulated-fleet.ts';

export interface SimulationSettings {
  scaling: ScalingSettings;
  autoscaler: AutoscalerSettings;
  fleet: FleetSettings;
  /** How often a scheduler evaluates the policy. */
  signalSeconds: number;
  /** What the connection budget allows. */
  limit: number;
}

export interface Sample {
  at: number;
  arrivals: number;
  ready: number;
  running: number;
  desired: number;
  replicas: number;
  workers: number;
  oldestSeconds: number;
  reason: ScalingReason;
}

export interface SimulationResult {
  samples: Sample[];
  arrived: number;
  started: number;
  completed: number;
  failedAttempts: number;
  /** Steps that a drain gave back. */
  givenBack: number;
  /** Seconds from ready to start. */
  startLatency: { p50: number; p95: number; p99: number; max: number; withinTarget: number };
  peakReplicas: number;
  replicaHours: number;
  changes: number;
  /** Changes of direction, up to down or down to up: a measure of flapping. */
  turns: number;
}

/** Replays a load against the policy, KEDA and the HPA in steps of one second. Deterministic. */
export function simulate(profile: LoadProfile, settings: SimulationSettings): SimulationResult {
  const fleet = new SimulatedFleet(profile, settings.fleet);
  const autoscaler = new Autoscaler(settings.autoscaler);
  const samples: Sample[] = [];
  let signal: QueueSignal | undefined;
  let arrived = 0;
  let replicaSeconds = 0;
  const directions: number[] = [];
  for (let now = 0; now < profile.durationSeconds; now += 1) {
    const arrivals = fleet.tick(now);
    arrived += arrivals;
    if (now % settings.signalSeconds === 0) signal = nextSignal(signal, fleet.observe(now), settings.scaling);
    const desired = Math.min(signal?.desiredReplicas ?? 0, settings.limit);
    const before = fleet.replicas;
    fleet.scaleTo(now, autoscaler.decide(now, desired, before));
    if (fleet.replicas !== before) directions.push(Math.sign(fleet.replicas - before));
    replicaSeconds += fleet.replicas;
    samples.push({
      at: now,
      arrivals,
      ready: fleet.ready,
      running: fleet.running,
      desired,
      replicas: fleet.replicas,
      workers: fleet.workers(now),
      oldestSeconds: fleet.oldestSeconds(now),
      reason: signal?.reason ?? 'idle',
    });
  }
  return {
    samples,
    arrived,
    started: fleet.started,
    completed: fleet.completed,
    failedAttempts: fleet.failed,
    givenBack: fleet.givenBack,
    startLatency: latency(fleet.waits, settings.scaling.startLatencySeconds),
    peakReplicas: samples.reduce((peak, { replicas }) => Math.max(peak, replicas), 0),
    replicaHours: replicaSeconds / 3600,
    changes: directions.length,
    turns: directions.filter((direction, index) => index > 0 && direction !== directions[index - 1]).length,
  };
}

function latency(waits: ReadonlyMap<number, number>, target: number): SimulationResult['startLatency'] {
  const sorted = [...waits].toSorted(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, steps]) => sum + steps, 0);
  const percentile = (share: number): number => {
    let seen = 0;
    for (const [seconds, steps] of sorted) if ((seen += steps) >= share * total) return seconds;
    return 0;
  };
  const within = sorted.reduce((sum, [seconds, steps]) => (seconds <= target ? sum + steps : sum), 0);
  return {
    p50: percentile(0.5),
    p95: percentile(0.95),
    p99: percentile(0.99),
    max: sorted.at(-1)?.[0] ?? 0,
    withinTarget: total === 0 ? 1 : within / total,
  };
}
