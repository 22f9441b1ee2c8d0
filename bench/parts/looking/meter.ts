import { readFileSync } from 'node:fs';
import { childrenOf, exactCpuSeconds } from '../../support/usage.ts';
import type { BenchDatabase } from '../../support/server.ts';
import type { Viewers } from './viewers.ts';

/** Seconds of CPU in a window. */
export interface Spent {
  /** PostgreSQL without the sessions of the API. */
  server: number;
  sessions: number;
  worker: number;
  api: number;
  lookers: number;
}

/** What takes the time. */
export interface Meter {
  /** That of the fleet; undefined: any. */
  readonly core: number | undefined;
  /** Finds the processes of PostgreSQL. Returns what reads the clocks now, and what reads them later and has the difference. */
  begin(): Promise<() => () => Spent>;
}

export function openMeter(of: {
  db: BenchDatabase;
  /** The postmaster. */
  server: number;
  worker: number;
  viewers: Viewers;
  core: number | undefined;
}): Meter {
  return {
    core: of.core,
    async begin() {
      const sessions = await of.viewers.sessions();
      const known = new Set(sessions);
      const others = childrenOf(of.server).filter((pid) => !known.has(pid));
      const clocks = {
        server: others,
        sessions,
        worker: [of.worker],
        api: [of.viewers.pid],
        lookers: [of.viewers.lookersPid],
      };
      return () => {
        const before = new Map(
          Object.values(clocks)
            .flat()
            .map((pid) => [pid, exactCpuSeconds(pid)]),
        );
        // Of one that has ended meanwhile nothing is known.
        const spent = (pids: readonly number[]): number =>
          pids.reduce((sum, pid) => sum + Math.max(0, exactCpuSeconds(pid) - (before.get(pid) ?? 0)), 0);
        return () => ({
          server: spent(clocks.server),
          sessions: spent(clocks.sessions),
          worker: spent(clocks.worker),
          api: spent(clocks.api),
          lookers: spent(clocks.lookers),
        });
      };
    },
  };
}

/** Of one core, or of all: the time until now, and the parts of it without anything to do and given to other machines. In ticks. */
export function coreTimes(core: number | undefined): { all: number; idle: number; stolen: number } {
  const line = new RegExp(`^cpu${core ?? ''} +(.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '';
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, stolen = 0] = line
    .split(' ')
    .map(Number);
  return { all: user + nice + system + idle + wait + irq + soft + stolen, idle: idle + wait, stolen };
}
