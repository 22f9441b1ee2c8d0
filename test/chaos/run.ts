import { mkdir, mkdtemp, chmod, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startProxy } from '../support/tcp-proxy.ts';
import { audit, type Violation } from './audit.ts';
import { HANDLER_FAULTS, type HandlerFault } from './behaviours.ts';
import { drawFaults, type EnvironmentFault, type Fault, type FaultKind } from './faults.ts';
import { Fleet } from './fleet.ts';
import { type Grounds, INJECT } from './inject.ts';
import { LEDGER_FOLDER, readLedger } from './ledger.ts';
import { Load } from './load.ts';
import { seededRandom } from './random.ts';
import { type RecoveryTimes, recoveryTimes } from './recovery.ts';
import { startChaosServer } from './server.ts';

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
  say: (line: string) => void;
}

export interface ChaosReport {
  seed: number;
  minutes: number;
  startedAt: string;
  seconds: number;
  /** How often each kind happened: processes, connections, crashes, tasks with a fault in them. */
  faults: Partial<Record<FaultKind, number>>;
  processesStarted: number;
  tasks: number;
  stepsCompleted: number;
  /** Handlers that had their effect more than once for one step: what at-least-once means. */
  repeatedEffects: number;
  /** What the second checker replayed. */
  replayed: { tasks: number; steps: number; transitions: number };
  amcheck: string;
  recovery: RecoveryTimes;
  healSeconds: number;
  violations: Violation[];
  folder: string | undefined;
}

/** Without faults some task ends within this, on however slow a machine, or what is left is stuck. */
const STANDSTILL_MS = 90_000;
const DRAIN_LIMIT_MS = 40_000;
/** The wall clocks of the workers, in milliseconds from the right time. */
const CLOCK_OFFSETS_MS = [0, 3_600_000, -3_600_000, 40_000];
const PROXIES = 3;

/** Runs a fleet under faults, lets it heal, and examines what is left. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = await mkdtemp(join(tmpdir(), 'tasker-chaos-'));
  // Where root runs this, the server runs as another user, who has to get to its folder.
  await chmod(folder, 0o755);
  const logFolder = join(folder, 'logs');
  const ledgerFolder = join(folder, 'ledger');
  await Promise.all([mkdir(logFolder), mkdir(ledgerFolder)]);
  const faults = drawFaults(options);
  await writeFile(join(folder, 'faults.json'), JSON.stringify(faults));
  const startedAt = new Date();
  const server = await startChaosServer(join(folder, 'postgres'));
  const proxies = await Promise.all(Array.from({ length: PROXIES }, () => startProxy({ target: server.url })));
  const fleet = new Fleet({
    workers: options.workers,
    schedulers: options.schedulers,
    // The last scheduler has the direct way, as somebody on the database's own host would.
    urlOf: (role, place) =>
      role === 'scheduler' && place === options.schedulers - 1
        ? server.url
        : (proxies[place % PROXIES]?.url(server.url) ?? server.url),
    env: { [LEDGER_FOLDER]: ledgerFolder },
    clockOffsetsMs: CLOCK_OFFSETS_MS,
    workflows: 'test/chaos/workflows.ts',
    logFolder,
  });
  const violations: Violation[] = [];
  const load = new Load({ url: server.url, random: seededRandom(options.seed), perSecond: options.tasksPerSecond });
  const kills: Grounds['kills'] = [];
  let failed = true;
  try {
    await load.start();
    const happened = await injectAll(faults, { fleet, server, proxies, kills }, load, options.say);
    await load.stop();
    options.say(`${load.acknowledged.length} tasks; no more faults: healing`);
    const healing = Date.now();
    const stuck = await heal(server.url);
    if (stuck !== undefined) violations.push({ kind: 'stuck', detail: stuck });
    const healSeconds = (Date.now() - healing) / 1000;
    options.say(`healed in ${healSeconds.toFixed(1)} s: draining`);
    for (const { role, pid } of await fleet.drain(DRAIN_LIMIT_MS)) {
      violations.push({ kind: 'drain too long', detail: `${role} ${pid}` });
    }
    const ledger = readLedger(ledgerFolder);
    const audited = await audit({ url: server.url, acknowledged: load.acknowledged, ledger, exits: fleet.exits });
    violations.push(...audited.violations);
    const recovery = await recoveryTimes({ url: server.url, kills, restarts: server.restarts });
    failed = violations.length > 0;
    return {
      seed: options.seed,
      minutes: options.minutes,
      startedAt: startedAt.toISOString(),
      seconds: (Date.now() - startedAt.getTime()) / 1000,
      faults: happened,
      processesStarted: fleet.started.length,
      tasks: audited.tasks,
      stepsCompleted: audited.steps,
      repeatedEffects: repeated(
        ledger.flatMap(({ kind, task, step }) => (kind === 'effect' ? [`${task} ${step}`] : [])),
      ),
      replayed: audited.replayed,
      amcheck: audited.amcheck,
      recovery,
      healSeconds,
      violations,
      folder: options.keep || failed ? folder : undefined,
    };
  } finally {
    await load.stop().catch(() => undefined);
    await fleet.drain(0);
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await server.stop().catch(() => undefined);
    if (!options.keep && !failed) await rm(folder, { recursive: true, force: true });
  }
}

async function injectAll(
  faults: readonly Fault[],
  grounds: Grounds,
  load: Load,
  say: (line: string) => void,
): Promise<Partial<Record<FaultKind, number>>> {
  const counts: Partial<Record<FaultKind, number>> = {};
  const count = (kind: FaultKind, times: number): void => {
    counts[kind] = (counts[kind] ?? 0) + times;
  };
  const began = performance.now();
  const underWay: Promise<void>[] = [];
  let told = 0;
  for (const fault of faults) {
    await sleep(Math.max(0, fault.atMs - (performance.now() - began)));
    if (fault.kind in HANDLER_FAULTS) {
      load.submitFault(fault.kind as HandlerFault);
      count(fault.kind, 1);
    } else {
      const kind = fault.kind as EnvironmentFault;
      underWay.push(INJECT[kind](grounds, fault).then((times) => count(kind, times)));
    }
    const minute = Math.floor(fault.atMs / 60_000);
    if (minute > told) {
      told = minute;
      say(
        `minute ${minute}: ${load.acknowledged.length} tasks, ${grounds.kills.length} kills, ${grounds.server.restarts.length} database crashes`,
      );
    }
  }
  await Promise.all(underWay);
  return counts;
}

/** Waits until every task has ended; answers what is left where it does not. */
async function heal(url: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url, application_name: 'chaos' });
  await client.connect();
  try {
    let fewest = Infinity;
    let progressAt = Date.now();
    for (;;) {
      const { rows } = await client.query<{ open: number; example: unknown }>(
        `SELECT count(*)::integer AS open, min(task_id) AS example FROM tasker.tasker_tasks WHERE state IN ('pending', 'in_progress')`,
      );
      const open = rows[0]?.open ?? 0;
      if (open === 0) return undefined;
      if (open < fewest) {
        fewest = open;
        progressAt = Date.now();
      }
      if (Date.now() - progressAt > STANDSTILL_MS) {
        return `${open} tasks are open and none has ended for ${STANDSTILL_MS / 1000} s, such as ${String(rows[0]?.example)}`;
      }
      await sleep(200);
    }
  } finally {
    await client.end();
  }
}

function repeated(keys: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts.values()].filter((times) => times > 1).length;
}
