import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, chmod, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { startWatchdog } from '../support/start-watchdog.ts';
import { runMarker } from '../support/test-run.ts';
import { lockSteps } from './admin.ts';
import { Asker } from './asker.ts';
import { audit, type Violation } from './audit.ts';
import type { Claiming } from './audit-claiming.ts';

import { drawFaults, type EnvironmentFault, type Fault, type FaultKind } from './faults.ts';
import { Fleet } from './fleet.ts';
import { HANDLER_FAULTS, type HandlerFault } from './handler-faults.ts';
import { heal, untilJoined } from './heal.ts';
import { type FaultTargets, INJECT } from './inject.ts';
import { LEDGER_FOLDER, readLedger, readStalls } from './ledger.ts';
import { Load } from './load.ts';
import { seededRandom } from './random.ts';
import { type Span, without } from './ready-spans.ts';
import { type RecoveryTimes, recoveryTimes } from './recovery.ts';
import { startRoutes } from './routes.ts';
import { serverFolder, startChaosServer } from './server.ts';

export interface ChaosOptions {
  minutes: number;
  seed: number;
  intensity: number;
  kinds: readonly FaultKind[];
  workers: number;
  schedulers: number;
  tasksPerSecond: number;
  /** Keep the database, the logs and the ledger. */
  keep: boolean;
  log: (line: string) => void;
}

export interface ChaosReport {
  seed: number;
  minutes: number;
  startedAt: string;
  seconds: number;
  /** How often each kind happened: processes, connections, crashes, tasks with a fault. */
  faults: Partial<Record<FaultKind, number>>;
  /** Faults that could not be injected, and why. */
  notInjected: string[];
  processesStarted: number;
  tasks: number;
  stepsCompleted: number;
  /** How often an asker received each verdict. */
  explained: Readonly<Record<string, number>>;
  /** Bulk operations that were started, and of them those that were aborted. */
  operations: { started: number; aborted: number };
  pauses: number;
  /** Tasks that retention removed. */
  removed: number;
  /** Handlers that had their effect more than once for one step: what at-least-once means. */
  repeatedEffects: number;
  /** The amount that the second checker replayed. */
  replayed: { tasks: number; steps: number; transitions: number };
  amcheck: string;
  /** The amount of work that the checks of claiming covered, in the time without faults. */
  claiming: Claiming;
  recovery: RecoveryTimes;
  healSeconds: number;
  violations: Violation[];
  folder: string | undefined;
}

const DRAIN_LIMIT_MS = 40_000;
/** The wall clocks of the workers, in milliseconds from the right time. */
const CLOCK_OFFSETS_MS = [0, 3_600_000, -3_600_000, 40_000];
/** The effects of a fault are over after this time: a lease (10 s), the start of a process, a pause between two tries. */
const SETTLE_MS = 12_000;
/** How long the steps are locked at the beginning of the calm: one slow poll may not make later polls rare. */
const SLOW_POLL_MS = 1000;
const BURSTS_MS = 4000;

/** Runs a fleet under faults, lets it heal, and examines what is left. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = await mkdtemp(join(tmpdir(), 'tasker-chaos-'));
  // If root runs this, the server runs as another user, who needs access to its folder.
  await chmod(folder, 0o755);
  const logFolder = join(folder, 'logs');
  const ledgerFolder = join(folder, 'ledger');
  const archiveFolder = join(folder, 'archive');
  await Promise.all([mkdir(logFolder), mkdir(ledgerFolder)]);
  const faults = drawFaults(options);
  await writeFile(join(folder, 'faults.json'), JSON.stringify(faults));
  const startedAt = new Date();
  const id = randomBytes(4).toString('hex');
  const generations = 1 + faults.filter(({ kind }) => kind === 'replace_server').length;
  const dataDirs = Array.from({ length: generations }, (_, generation) => serverFolder(folder, generation));
  const watchdog = startWatchdog({ runId: id, folder, dataDirs, givenUrl: undefined });
  const close: (() => Promise<unknown>)[] = [];
  let failed = true;
  try {
    const { server, routes } = await startRoutes((onMoved) => startChaosServer(folder, onMoved), {
      worker: options.workers,
      scheduler: options.schedulers,
    });
    close.push(
      () => server.stop(),
      () => routes.close(),
    );
    const fleet = new Fleet({
      workers: options.workers,
      schedulers: options.schedulers,
      urlOf: routes.urlOf,
      env: {
        [LEDGER_FOLDER]: ledgerFolder,
        [runMarker]: id,
        TASKER_ARCHIVE_URL: pathToFileURL(archiveFolder).href,
      },
      clockOffsetsMs: CLOCK_OFFSETS_MS,
      workflows: 'test/chaos/workflows.ts',
      logFolder,
    });
    close.push(() => fleet.drain(0));
    const load = new Load({
      url: routes.loadUrl,
      random: seededRandom(options.seed),
      perSecond: options.tasksPerSecond,
    });
    close.push(() => load.stop());
    const asker = new Asker({
      url: routes.loadUrl,
      random: seededRandom(options.seed + 1),
      tasks: () => load.acknowledged,
    });
    close.push(() => asker.stop());
    const violations: Violation[] = [];
    const kills: FaultTargets['kills'] = [];
    const refused: Span[] = [];
    const began = Date.now();
    await load.start();
    await untilJoined(server.adminUrl, options.workers + options.schedulers);
    asker.start();
    const injected = await injectAll(
      faults,
      { fleet, server, proxies: routes.proxies, kills, refused },
      load,
      options.log,
    );
    await load.pause();
    options.log(`${load.acknowledged.length} tasks; no more faults: healing`);
    const healing = Date.now();
    const stuck = await heal(server.adminUrl);
    const healSeconds = (Date.now() - healing) / 1000;
    if (stuck === undefined) {
      options.log(`healed in ${healSeconds.toFixed(1)} s: bursts`);
      const still = await calm(injected.spans, load, server.adminUrl);
      if (still !== undefined) violations.push({ kind: 'stuck in the calm', detail: still });
    } else violations.push({ kind: 'stuck', detail: stuck });
    const calmSpans = without(
      { fromMs: began, toMs: Date.now() },
      injected.spans.map(({ fromMs, toMs }) => ({ fromMs, toMs: toMs + SETTLE_MS })),
    );
    await asker.stop();
    options.log('draining');
    for (const { role, pid } of await fleet.drain(DRAIN_LIMIT_MS)) {
      violations.push({ kind: 'drain too long', detail: `${role} ${pid}` });
    }
    const ledger = readLedger(ledgerFolder);
    const { acknowledged } = load;
    const audited = await audit({
      url: server.adminUrl,
      acknowledged,
      reuse: load.reuse,
      brief: load.brief,
      bulk: load.bulk,
      pauses: load.pauser.pauses,
      archive: archiveFolder,
      ledger,
      stalls: readStalls(ledgerFolder),
      exits: fleet.exits,
      calm: calmSpans,
      refused,
      // A server that was replaced may have lost what was explained.
      asked: asker.asked.filter(({ at }) => (injected.counts.replace_server ?? 0) === 0 || at.getTime() > healing),
    });
    violations.push(...audited.violations);
    const recovery = await recoveryTimes({ url: server.adminUrl, kills, restarts: server.restarts });
    failed = violations.length > 0;
    return {
      seed: options.seed,
      minutes: options.minutes,
      startedAt: startedAt.toISOString(),
      seconds: (Date.now() - startedAt.getTime()) / 1000,
      faults: injected.counts,
      notInjected: injected.not,
      processesStarted: fleet.started.length,
      tasks: audited.tasks,
      stepsCompleted: audited.steps,
      explained: countBy(asker.asked.map(({ verdict }) => verdict)),
      operations: {
        started: load.bulk.started.length,
        aborted: load.bulk.started.filter(({ aborted }) => aborted !== undefined).length,
      },
      pauses: load.pauser.pauses.length,
      removed: audited.removed,
      repeatedEffects: repeated(
        ledger.flatMap(({ kind, task, step }) => (kind === 'effect' ? [`${task} ${step}`] : [])),
      ),
      replayed: audited.replayed,
      amcheck: audited.amcheck,
      claiming: audited.claiming,
      recovery,
      healSeconds,
      violations,
      folder: options.keep || failed ? folder : undefined,
    };
  } finally {
    for (const end of close.toReversed()) await end().catch(() => undefined);
    // No process may stay behind, whatever failed here or was ended from outside.
    await watchdog.cleanUp({ keep: options.keep || failed }).catch((error: unknown) => options.log(String(error)));
  }
}

const countBy = (words: readonly string[]): Record<string, number> =>
  words.reduce<Record<string, number>>((counts, word) => ({ ...counts, [word]: (counts[word] ?? 0) + 1 }), {});

interface Injected {
  counts: Partial<Record<FaultKind, number>>;
  not: string[];
  /** The times during which a fault was injected from outside. */
  spans: Span[];
}

async function injectAll(
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

/** Work in bursts of several priorities, after the effects of the faults are over; returns a description of what does not end. */
async function calm(faults: readonly Span[], load: Load, url: string): Promise<string | undefined> {
  const overAt = Math.max(0, ...faults.map(({ toMs }) => toMs)) + SETTLE_MS;
  await sleep(Math.max(0, overAt - Date.now()));
  const bursts = load.bursts(BURSTS_MS);
  await lockSteps(url, SLOW_POLL_MS);
  await bursts;
  return heal(url);
}

function repeated(keys: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts.values()].filter((times) => times > 1).length;
}
