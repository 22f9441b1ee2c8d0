import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BUILT } from './build-fleet.ts';
import { endWithBench } from './children.ts';
import { onCore } from './cores.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const cli = `${BUILT}/cli.js`;
const workflows = `${BUILT}/workflows.js`;

/** As the image sets it for every process, and as docs/guides/running-a-fleet.md recommends. */
const NODE_OPTIONS = '--max-semi-space-size=4';

export interface Fleet {
  readonly pids: number[];
  /** The base URL of each process's metrics, in the order of `pids`. */
  readonly urls: string[];
  /** The base URL of each `tasker api`. */
  readonly apiUrls: string[];
  stop(): Promise<void>;
}

/**
 * Settings of a worker in every part that measures throughput; all others stay at their defaults. There are slots for two of the
 * largest claims: one is under way while the steps of the other run.
 */
export const BUSY = { TASKER_SLOTS: '2048', TASKER_CLAIM_BATCH: '1024' };

/**
 * Real processes: `tasker worker` (`scheduler`, `api`), started as an operator starts them. Resolves when all have started. `core`: the one
 * that they run on; default: any.
 */
export async function startFleet(options: {
  url: string;
  workers?: number;
  schedulers?: number;
  apis?: number;
  env?: Record<string, string>;
  core?: number | undefined;
}): Promise<Fleet> {
  const children: ChildProcess[] = [];
  const urls: string[] = [];
  const apiUrls: string[] = [];
  const start = (args: string[]): Promise<void> => {
    const flags = process.env['BENCH_NODE_FLAGS']?.split(' ') ?? [];
    const command = [process.execPath, ...flags, cli, ...args];
    const [program = '', ...rest] = options.core === undefined ? command : onCore(options.core, command);
    const child = endWithBench(
      spawn(program, rest, {
        cwd: repository,
        env: {
          ...process.env,
          DATABASE_URL: options.url,
          TASKER_METRICS_PORT: '0',
          NODE_ENV: 'production',
          NODE_OPTIONS: process.env['NODE_OPTIONS'] ?? NODE_OPTIONS,
          ...options.env,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const index = children.push(child) - 1;
    return new Promise((resolve, reject) => {
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        if (/"message":"(worker|scheduler|api) started"/.test(line)) {
          const started = JSON.parse(line) as { url: string; api_url?: string };
          urls[index] = started.url;
          if (started.api_url !== undefined) apiUrls.push(started.api_url);
          resolve();
        } else if (/"level":"(warn|error|fatal)"/.test(line)) console.error(line);
      });
      child.once('exit', (code) => reject(new Error(`${args[0]} ended with status ${code} before it had started`)));
    });
  };
  const stop = async (): Promise<void> => {
    await Promise.all(
      children.map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.exitCode !== null || child.signalCode !== null) return resolve();
            child.once('exit', () => resolve());
            child.kill('SIGTERM');
            setTimeout(() => child.kill('SIGKILL'), 20_000).unref();
          }),
      ),
    );
  };
  try {
    await Promise.all([
      ...Array.from({ length: options.workers ?? 0 }, () => start(['worker', '--workflows', workflows])),
      ...Array.from({ length: options.schedulers ?? 0 }, () => start(['scheduler'])),
      ...Array.from({ length: options.apis ?? 0 }, () => start(['api', '--port', '0'])),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pids: children.map((child) => child.pid as number), urls, apiUrls, stop };
}
