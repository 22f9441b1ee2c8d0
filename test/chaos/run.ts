import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, chmod, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { startWatchdog } from '../support/start-watchdog.ts';
import { openApi } from '../support/open-api.ts';
import { runMarker } from '../support/test-run.ts';
import { lockSteps } from './admin.ts';
import { untilDone } from './again.ts';
import { Asker } from './asker.ts';
import { audit, type Violation } from './audit.ts';
import { SHOWN_WITHIN_MS } from './audit-asked.ts';
import type { Claiming } from './audit-claiming.ts';
import { drawFaults, type FaultKind } from './faults.ts';
import { Fleet } from './fleet.ts';
import { heal, untilJoined } from './heal.ts';
import type { FaultTargets } from './inject.ts';
import { injectAll } from './inject-all.ts';
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
  /** How often an API was asked what is paused. */
  shownPauses: number;
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
/** Before a server goes away, this much of what was read of it does not count. */
const LOST_MS = 1000;

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
    const violations: Violation[] = [];
    const kills: FaultTargets['kills'] = [];
    const refused: Span[] = [];
    const began = Date.now();
    await load.start();
    await untilJoined(server.adminUrl, options.workers + options.schedulers);
    // Two, of which neither knows what the other one does.
    const apis = await Promise.all([1, 2].map(() => untilDone(() => openApi(routes.loadUrl, { apiAuth: 'none' }))));
    for (const api of apis) close.push(() => api.stop());
    const asker = new Asker({
      url: routes.loadUrl,
      random: seededRandom(options.seed + 1),
      tasks: () => load.acknowledged,
      apis: apis.map(({ apiUrl }) => apiUrl),
    });
    close.push(() => asker.stop());
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
      asked: {
        // A server that is replaced may lose the last of what was explained.
        explained: asker.explained.filter(({ answer: { as_of: at } }) =>
          server.restarts.every(
            ({ crashedAt, readyAt }) => at.getTime() < crashedAt - LOST_MS || at.getTime() > readyAt,
          ),
        ),
        // What stands still shows nothing else either.
        shown: asker.shown.filter(({ sentMs, receivedMs }) =>
          server.restarts.every(
            ({ crashedAt, readyAt }) => receivedMs < crashedAt || sentMs - SHOWN_WITHIN_MS > readyAt,
          ),
        ),
      },
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
      explained: countBy(asker.explained.map(({ answer }) => answer.verdict)),
      shownPauses: asker.shown.length,
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
