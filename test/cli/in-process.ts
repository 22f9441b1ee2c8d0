import { vi } from 'vitest';
import { runProgram } from '../../src/cli/run-program.ts';

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
  /** The lines of both, in the order in which they were printed. */
  output: string;
}

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a command of `tasker` in this process, which takes a part of the half second that a process takes to start. One at a time,
 * because a command prints to the console of its process. Each file with commands also starts some as processes.
 */
export function runTasker(args: readonly string[], env: Record<string, string | undefined>): Promise<Ran> {
  const ran = last.then(() => run(args, env));
  last = ran.catch(() => undefined);
  return ran;
}

async function run(args: readonly string[], env: Record<string, string | undefined>): Promise<Ran> {
  const printed = { stdout: [] as string[], stderr: [] as string[], both: [] as string[] };
  const print = (stream: 'stdout' | 'stderr', text: string): void => {
    printed[stream].push(text);
    printed.both.push(text);
  };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((line = '') => print('stdout', `${line}\n`)),
    vi.spyOn(console, 'error').mockImplementation((line = '') => print('stderr', `${line}\n`)),
    // Commander writes there.
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => (print('stdout', String(text)), true)),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => (print('stderr', String(text)), true)),
  ];
  let code: number | null = null;
  try {
    await runProgram(['node', 'tasker', ...args], (status) => (code ??= status));
  } finally {
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
  }
  return {
    code,
    stdout: printed.stdout.join(''),
    stderr: printed.stderr.join(''),
    output: printed.both.join('').replace(/\n$/, ''),
  };
}
