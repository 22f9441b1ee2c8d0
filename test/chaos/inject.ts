import { setTimeout as sleep } from 'node:timers/promises';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import type { EnvironmentFault, Fault } from './faults.ts';
import type { Fleet } from './fleet.ts';
import type { Span } from './ready-spans.ts';
import type { ChaosServer } from './server.ts';
import { expireCertificate, limitStatements, makeReadOnly, rotatePassword } from './session-faults.ts';

export interface Grounds {
  fleet: Fleet;
  server: ChaosServer;
  proxies: readonly TcpProxy[];
  /** Every SIGKILL, for the recovery times. */
  kills: { pid: number; at: number }[];
  /** When the database refused whoever came: a process that starts then may end, and is told so at once. */
  refused: Span[];
}

const at = <Item>(items: readonly Item[], target: number): Item | undefined => items[target % items.length];

/** Does one fault to the fleet and resolves when its cause is over. Answers how much of it there was; 0: there was nothing to do it to. */
export const INJECT: Record<EnvironmentFault, (grounds: Grounds, fault: Fault) => Promise<number>> = {
  kill_worker: (grounds, fault) => kill(grounds, 'worker', fault),
  kill_scheduler: (grounds, fault) => kill(grounds, 'scheduler', fault),
  zombie_worker: (grounds, fault) => stop(grounds, 'worker', fault),
  pause_worker: (grounds, fault) => stop(grounds, 'worker', fault),
  zombie_scheduler: (grounds, fault) => stop(grounds, 'scheduler', fault),
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
    // What was lost stays lost: a network that comes back does not bring old connections to life.
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

async function kill({ fleet, kills }: Grounds, role: 'worker' | 'scheduler', { target }: Fault): Promise<number> {
  const member = at(fleet.members(role), target);
  if (member === undefined) return 0;
  kills.push({ pid: member.pid, at: Date.now() });
  fleet.kill(member);
  return 1;
}

async function stop({ fleet }: Grounds, role: 'worker' | 'scheduler', { target, durationMs }: Fault): Promise<number> {
  const member = at(
    fleet.members(role).filter(({ stoppedUntil }) => stoppedUntil < Date.now()),
    target,
  );
  if (member === undefined) return 0;
  fleet.stop(member, durationMs);
  await sleep(durationMs);
  return 1;
}
