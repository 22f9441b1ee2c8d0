import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Fleet, startFleet } from '../../support/fleet.ts';
import type { BenchDatabase } from '../../support/server.ts';
import type { Counts } from './browser.ts';
import type { Looking } from './lookers.ts';

export const LOOKING: Looking = { browsers: 50, listsPerSecond: 50 };
export const NOBODY: Looking = { browsers: 0, listsPerSecond: 0 };

/** Those who look, and the API that they ask. */
export interface Viewers {
  api: Fleet;
  lookers: ChildProcess;
}

/** `niceness`: of the API; 19 as if it ran on another machine. Nobody looks yet. */
export async function openViewers(db: BenchDatabase, taskId: string, niceness?: number): Promise<Viewers> {
  const api = await startFleet({
    url: db.url,
    apis: 1,
    env: { TASKER_API_PORT: '0', TASKER_API_REQUESTS_PER_SECOND: '0' },
    ...(niceness === undefined ? {} : { niceness }),
  });
  const program = fileURLToPath(new URL('lookers.ts', import.meta.url));
  const args = ['-n', '19', process.execPath, program, api.apiUrls[0] as string, taskId];
  const lookers = spawn('nice', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return { api, lookers };
}

/** Who looks from now on. Returns what was asked for until now. */
export function bringIn({ lookers }: Viewers, wanted: Looking | 'report'): Promise<Counts> {
  return new Promise((resolve, reject) => {
    lookers.once('message', (counts) => resolve(counts as Counts));
    lookers.send(wanted, (error) => error !== null && reject(error));
  });
}

export async function closeViewers({ api, lookers }: Viewers): Promise<void> {
  lookers.disconnect();
  await api.stop();
}
