import { setTimeout as sleep } from 'node:timers/promises';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import type { EnvironmentFault, Fault } from './faults.ts';
import type { Fleet } from './fleet.ts';
import type { Span } from './ready-spans.ts';
import type { ChaosServer } from './server.ts';
import { expireCertificate, limitStatements, makeReadOnly, rotatePassword } from './session-faults.ts';

export interface FaultTargets {
  fleet: Fleet;
  server: ChaosServer;
  proxies: readonly TcpProxy[];
  /** Every SIGKILL, for the recovery times. */
  kills: { pid: number; at: number }[];
  /** The times during which the database refused every login: a process that starts then may end at once. */
  refused: Span[];
}

const at = <Item>(items: readonly Item[], target: number): Item | undefined => items[target % items.length];

/** Injects one fault and resolves when it is over, with how often it happened; 0 if there was nothing to inject it into. */
export const INJECT: Record<EnvironmentFault, (targets: FaultTargets, fault: Fault) => Promise<number>> = {
  kill_worker: (targets, fault) => kill(targets, 'worker', fault),
  kill_scheduler: (targets, fault) => kill(targets, 'scheduler', fault),
  zombie_worker: (targets, fault) => stop(targets, 'worker', fault),
  pause_worker: (targets, fault) => stop(targets, 'worker', fault),
  zombie_scheduler: (targets, fault) => stop(targets, 'scheduler', fault),
  async crash_postgres({ server }, { durationMs }) {
    await server.crash(durationMs);
    return 1;
  },
  kill_backend: async ({ server }, { target }) => ((await server.killBackend(target).catch(() => false)) ? 1 : 0),
  cut_connections: async ({ proxies }, { target }) => at(proxies, target)?.cutAll() ?? 0,
  async half_open({ proxies }, { target, durationMs }) {
    const proxy = at(proxies, target);
    const held = proxy?.open ?? 0;
    proxy?.pause();
    await sleep(durationMs);
    // A network that comes back does not restore the old connections.
    proxy?.cutAll();
    proxy?.resume();
    return held;
  },
  async refuse_connections({ proxies }, { target, durationMs }) {
    const proxy = at(proxies, target);
    proxy?.refuse(true);
    const cut = proxy?.cutAll() ?? 0;
    await sleep(durationMs);
    proxy?.refuse(false);
    return cut;
  },
  statement_timeout: ({ server }, { durationMs }) => limitStatements(server, durationMs),
  rotate_password: ({ server, refused }, { durationMs }) => rotatePassword(server, durationMs, refused),
  read_only_sessions: ({ server }, { durationMs, target }) => makeReadOnly(server, durationMs, target % 2 === 0),
  async replace_server({ server }) {
    await server.replace();
    return 1;
  },
  async stop_server({ server }, { durationMs, target }) {
    await (target % 2 === 0 ? server.crash(durationMs) : server.freeze(durationMs));
    return 1;
  },
  expire_certificate: async ({ server, refused }, { durationMs }) => expireCertificate(server, durationMs, refused),
  exhaust_connections: async ({ server }, { durationMs }) => ((await server.exhaust(durationMs)) > 0 ? 1 : 0),
};

async function kill({ fleet, kills }: FaultTargets, role: 'worker' | 'scheduler', { target }: Fault): Promise<number> {
  const member = at(fleet.members(role), target);
  if (member === undefined) return 0;
  kills.push({ pid: member.pid, at: Date.now() });
  fleet.kill(member);
  return 1;
}

async function stop(
  { fleet }: FaultTargets,
  role: 'worker' | 'scheduler',
  { target, durationMs }: Fault,
): Promise<number> {
  const member = at(
    fleet.members(role).filter(({ stoppedUntil }) => stoppedUntil < Date.now()),
    target,
  );
  if (member === undefined) return 0;
  fleet.stop(member, durationMs);
  await sleep(durationMs);
  return 1;
}
