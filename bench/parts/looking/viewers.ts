import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endWithBench } from '../../support/children.ts';
import { keepOn, onCore } from '../../support/cores.ts';
import { type Fleet, startFleet } from '../../support/fleet.ts';
import type { BenchDatabase } from '../../support/server.ts';
import type { Counts } from './browser.ts';
import type { Looking } from './lookers.ts';

export const LOOKING: Looking = { browsers: 50, listsPerSecond: 50 };
export const NOBODY: Looking = { browsers: 0, listsPerSecond: 0 };

/** Those who look, and the API that they ask. */
export class Viewers {
  readonly api: Fleet;
  /** The process of the API. */
  readonly pid: number;
  private readonly lookers: ChildProcess;
  private readonly db: BenchDatabase;

  private constructor(db: BenchDatabase, api: Fleet, lookers: ChildProcess) {
    this.db = db;
    this.api = api;
    this.pid = api.pids[0] as number;
    this.lookers = lookers;
  }

  /** Nobody looks yet. `core`: of both processes; undefined: any. */
  static async open(db: BenchDatabase, taskId: string, core: number | undefined): Promise<Viewers> {
    const api = await startFleet({
      url: db.url,
      apis: 1,
      env: { TASKER_API_PORT: '0', TASKER_API_REQUESTS_PER_SECOND: '0' },
      core,
    });
    const program = fileURLToPath(new URL('lookers.ts', import.meta.url));
    const command = [process.execPath, program, api.apiUrls[0] as string, taskId];
    const [file = '', ...args] = core === undefined ? command : onCore(core, command);
    const lookers = endWithBench(spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    return new Viewers(db, api, lookers);
  }

  get lookersPid(): number {
    return this.lookers.pid as number;
  }

  /** Who looks from now on. Returns what was asked for until now. */
  bringIn(wanted: Looking | 'report'): Promise<Counts> {
    return new Promise((resolve, reject) => {
      this.lookers.once('message', (counts) => resolve(counts as Counts));
      this.lookers.send(wanted, (error) => error !== null && reject(error));
    });
  }

  /**
   * All pages, requests and watches stand still, and nothing of them is in the database. Pages stay open, so that a second later everything goes on
   * where it was. No session of the API is within a statement or a transaction meanwhile: its snapshot would be held.
   */
  async standStill(): Promise<void> {
    this.lookers.kill('SIGSTOP');
    for (;;) {
      process.kill(this.pid, 'SIGSTOP');
      const states = await this.sessionStates();
      if (states.every((state) => state === 'idle')) return;
      process.kill(this.pid, 'SIGCONT');
      await sleep(5);
    }
  }

  /** `core`: that on which the API goes on. */
  goOn(core: number | undefined): void {
    if (core !== undefined) keepOn(core, this.pid);
    process.kill(this.pid, 'SIGCONT');
    this.lookers.kill('SIGCONT');
  }

  /** Statements that the API has sent, by its own count. */
  async statements(): Promise<number> {
    return sumOf(await metricsOf(this.api), 'tasker_statement_duration_seconds_count');
  }

  async close(): Promise<void> {
    this.goOn(undefined);
    this.lookers.disconnect();
    await this.api.stop();
  }

  /** The sessions of the API in the database. */
  async sessions(): Promise<number[]> {
    const rows = await this.db.query<{ pid: number }>(`SELECT pid ${SESSIONS}`);
    return rows.map(({ pid }) => pid);
  }

  private async sessionStates(): Promise<string[]> {
    const rows = await this.db.query<{ state: string }>(`SELECT coalesce(state, 'idle') AS state ${SESSIONS}`);
    return rows.map(({ state }) => state);
  }
}

const SESSIONS = `FROM pg_stat_activity
  WHERE datname = current_database() AND backend_type = 'client backend' AND application_name LIKE 'tasker api%' /* bench: */`;

/** The metrics of the first process of a fleet. */
export const metricsOf = async ({ urls }: Fleet): Promise<string> => (await fetch(`${urls[0]}/metrics`)).text();

/** Of all its labels. */
export function sumOf(text: string, metric: string): number {
  let sum = 0;
  for (const [, value] of text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\d+)`, 'gm'))) sum += Number(value);
  return sum;
}
