import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** What the thread runs: a file, or the same program as text. */
export type HeartbeatProgram = { file: string } | { source: string };

/** Finds the thread's program beside this file or, if this code is part of a bundle, in the bundle. */
export async function findHeartbeatProgram(): Promise<HeartbeatProgram> {
  // Undefined in bundles in CommonJS format; the bundle's own place in others.
  const here = import.meta.url as string | undefined;
  if (here?.startsWith('file:') === true) {
    const file = fileURLToPath(new URL(here.endsWith('.ts') ? 'heartbeat-thread.ts' : 'heartbeat-thread.cjs', here));
    if (existsSync(file)) return { file };
  }
  const { heartbeatSource } = await import('./heartbeat-source.ts');
  if (heartbeatSource !== undefined) return { source: heartbeatSource };
  throw new Error(
    "the heartbeat thread's program is not beside this code: bundle the package that `npm run build` makes, or mark tasker-fleet as external",
  );
}

/** Flags that run other code before the thread's own, or change the format that Node takes its program for. */
const PRELOADS = /(^|\s)(-r|--require|--import|--loader|--experimental-loader|--input-type)(\s|=|$)/;

/** Whether Node would run other code in the thread before its program. */
export function hasPreloads(): boolean {
  return PRELOADS.test([...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' '));
}

/** The thread holds one connection and some numbers: a leak ends the thread, which is started again, and not the process. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

/**
 * Starts the thread, which waits for the command to begin. As any thread it inherits Node's flags with their preloads, on which the connection to the database may depend;
 * `bare` starts it without any, for preloads that fail in a thread or do not fit into its memory.
 */
export function startHeartbeatThread(program: HeartbeatProgram, bare: boolean): Worker {
  const options = { resourceLimits: RESOURCE_LIMITS };
  const flags = bare ? { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' } } : {};
  return 'file' in program
    ? new Worker(program.file, { ...options, ...flags })
    : new Worker(program.source, { ...options, ...flags, eval: true });
}
