import type { Random } from './random.ts';
import { seededRandom } from './random.ts';
import { HANDLER_FAULTS, type HandlerFault } from './handler-faults.ts';

/** Faults of the fleet and its database, each with its rate per minute and its duration. */
const ENVIRONMENT = {
  /** SIGKILL. */
  kill_worker: { perMinute: 16, ms: [0, 0] },
  kill_scheduler: { perMinute: 5, ms: [0, 0] },
  /** SIGSTOP past the lease (10 s), then SIGCONT: a zombie. */
  zombie_worker: { perMinute: 3, ms: [11_000, 15_000] },
  /** SIGSTOP that the lease survives. */
  pause_worker: { perMinute: 3, ms: [500, 5000] },
  zombie_scheduler: { perMinute: 1, ms: [11_000, 13_000] },
  /** Immediate shutdown, and a new start after this time. */
  crash_postgres: { perMinute: 1, ms: [0, 5000] },
  /** SIGKILL of one backend: the server drops every session, recovers from its log, and goes on. */
  kill_backend: { perMinute: 2, ms: [0, 0] },
  /** A reset of every connection of a part of the fleet. */
  cut_connections: { perMinute: 10, ms: [0, 0] },
  /** Connections that stay open and transfer nothing; reset after this time. */
  half_open: { perMinute: 2, ms: [2000, 14_000] },
  refuse_connections: { perMinute: 2, ms: [500, 4000] },
  /** Other clients take every connection that the server has left. */
  exhaust_connections: { perMinute: 2, ms: [1000, 5000] },
  /** A time limit on every statement of the fleet's role, and locks on the steps that are held for longer. */
  statement_timeout: { perMinute: 1, ms: [2000, 4000] },
  /** Another password for the fleet's role, with its sessions ended, and the old one again before a lease is over. */
  rotate_password: { perMinute: 1, ms: [2000, 5000] },
  /** Every session, or only the existing ones, becomes read-only. */
  read_only_sessions: { perMinute: 1, ms: [1500, 4000] },
  /** A standby takes the server's place behind its name. */
  replace_server: { perMinute: 1, ms: [0, 0] },
  /** For longer than a lease (10 s) the server is stopped, or all of its processes are (SIGSTOP). */
  stop_server: { perMinute: 1, ms: [10_500, 12_500] },
  /** The server's certificate expires, sessions over TLS are ended, and it is renewed. */
  expire_certificate: { perMinute: 1, ms: [2000, 7000] },
} as const satisfies Record<string, { perMinute: number; ms: readonly [number, number] }>;

export type EnvironmentFault = keyof typeof ENVIRONMENT;
export type FaultKind = EnvironmentFault | HandlerFault;
export const ENVIRONMENT_FAULTS = Object.keys(ENVIRONMENT) as EnvironmentFault[];
export const FAULT_KINDS: readonly FaultKind[] = [
  ...ENVIRONMENT_FAULTS,
  ...(Object.keys(HANDLER_FAULTS) as HandlerFault[]),
];

export interface Fault {
  /** Milliseconds from the start of the run. */
  atMs: number;
  kind: FaultKind;
  /** Index of the process, proxy or backend, modulo their number. */
  target: number;
  durationMs: number;
}

/** Every fault of a run in order of time, determined by the seed: each kind at its own rate and its own moments. */
export function drawFaults(options: {
  seed: number;
  minutes: number;
  intensity: number;
  kinds: readonly FaultKind[];
}): Fault[] {
  const faults = FAULT_KINDS.flatMap((kind, index) => {
    // Each kind has its own random numbers, so that leaving a kind out does not move the others.
    const random = seededRandom(options.seed * 1009 + index);
    return options.kinds.includes(kind) ? drawKind(kind, random, options) : [];
  });
  return faults.toSorted((a, b) => a.atMs - b.atMs);
}

function drawKind(
  kind: FaultKind,
  random: Random,
  { minutes, intensity }: { minutes: number; intensity: number },
): Fault[] {
  const { perMinute, ms } =
    kind in ENVIRONMENT
      ? ENVIRONMENT[kind as EnvironmentFault]
      : { perMinute: HANDLER_FAULTS[kind as HandlerFault].perMinute, ms: [0, 0] as const };
  // At least one of each kind, however short the run.
  const count = Math.max(1, Math.round(perMinute * minutes * intensity));
  return Array.from({ length: count }, () => ({
    atMs: 1000 + Math.floor(random.next() * Math.max(1, minutes * 60_000 - 1000)),
    kind,
    target: random.between(0, 999),
    durationMs: random.between(ms[0], ms[1]),
  }));
}
