import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentFault, Fault, FaultKind } from './faults.ts';
import { HANDLER_FAULTS, type HandlerFault } from './handler-faults.ts';
import { type FaultTargets, INJECT } from './inject.ts';
import type { Load } from './load.ts';
import type { Span } from './ready-spans.ts';

/** What was injected. */
interface Injected {
  counts: Partial<Record<FaultKind, number>>;
  not: string[];
  /** The times during which a fault was injected from outside. */
  spans: Span[];
}

/** Injects each fault at its time. Resolves when the last one is over. */
export async function injectAll(
  faults: readonly Fault[],
  targets: FaultTargets,
  load: Load,
  log: (line: string) => void,
): Promise<Injected> {
  const injected: Injected = { counts: {}, not: [], spans: [] };
  const count = (kind: FaultKind, times: number): void => {
    injected.counts[kind] = (injected.counts[kind] ?? 0) + times;
  };
  const began = performance.now();
  const underWay: Promise<void>[] = [];
  let loggedMinute = 0;
  const inject = async (kind: EnvironmentFault, fault: Fault): Promise<void> => {
    const fromMs = Date.now();
    try {
      count(kind, await INJECT[kind](targets, fault));
    } catch (error) {
      count(kind, 0);
      injected.not.push(`${kind}: ${String(error).split('\n')[0]}`);
    }
    injected.spans.push({ fromMs, toMs: Date.now() });
  };
  for (const fault of faults) {
    await sleep(Math.max(0, fault.atMs - (performance.now() - began)));
    if (fault.kind in HANDLER_FAULTS) {
      load.submitFault(fault.kind as HandlerFault);
      count(fault.kind, 1);
    } else underWay.push(inject(fault.kind as EnvironmentFault, fault));
    const minute = Math.floor(fault.atMs / 60_000);
    if (minute > loggedMinute) {
      loggedMinute = minute;
      log(
        `minute ${minute}: ${load.acknowledged.length} tasks, ${targets.kills.length} kills, ${targets.server.restarts.length} database crashes`,
      );
    }
  }
  await Promise.all(underWay);
  return injected;
}
