import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, inject } from 'vitest';
import { runMarker } from './test-run.ts';
import { waitFor } from './wait-for.ts';

export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface TestProcess {
  readonly pid: number;
  /** Every line of standard output and standard error so far, in order of arrival. */
  readonly lines: readonly string[];
  /** Resolves when the process has ended and its output has arrived. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** The first line that matches, past or future. Rejects with the output as soon as the process ends without one. */
  waitForLine(pattern: RegExp, options?: { timeoutMs?: number }): Promise<RegExpMatchArray>;
  /** Sends a signal (default SIGTERM) to this process alone and resolves when it has ended; SIGSTOP and SIGCONT at once. */
  kill(signal?: NodeJS.Signals): Promise<ProcessExit | undefined>;
}

export interface StartOptions {
  args?: string[];
  /** Added to the environment of the tests. */
  env?: Record<string, string | undefined>;
  cwd?: string;
}

/** The rest of the output of a process must arrive within this time after its end. */
const outputArrivesWithinMs = 1000;

const repository = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Lets a test file start other processes of this code base. Processes that still run at the end of the tests are killed, each by its
 * own id; processes that those have started are killed at the end of the run. Call it at the top level of the file or of a describe,
 * after useTestDatabase: hooks run last to first, and processes must end before the database is checked for leaks.
 */
export function useProcesses(): { start: (file: string, options?: StartOptions) => TestProcess } {
  const run = inject('testRun');
  const running = new Map<ChildProcess, TestProcess>();

  afterAll(async () => {
    await Promise.all([...running.values()].map((child) => child.kill('SIGKILL')));
  });

  return {
    /** Runs a .ts file (relative to the repository's root) with the same Node as the tests. */
    start(file, options = {}) {
      const child = spawn(process.execPath, [file, ...(options.args ?? [])], {
        cwd: options.cwd ?? repository,
        env: { ...process.env, ...options.env, [runMarker]: run.id },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const started = observe(child, file);
      running.set(child, started);
      void started.exited.then(() => running.delete(child));
      return started;
    },
  };
}

function observe(child: ChildProcess, file: string): TestProcess {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  let exit: ProcessExit | undefined;
  const exited = new Promise<ProcessExit>((ended) => {
    child.on('error', (error) => {
      lines.push(`could not be started: ${error.message}`);
      ended({ code: null, signal: null });
    });
    // At `exit` output may still be on its way; `close` follows it, unless a grandchild keeps the output open.
    child.on('close', (code, signal) => ended({ code, signal }));
    child.on('exit', (code, signal) => setTimeout(() => ended({ code, signal }), outputArrivesWithinMs).unref());
  }).then((end) => (exit = end));

  return {
    pid: child.pid ?? 0,
    lines,
    exited,
    async waitForLine(pattern, { timeoutMs = 45_000 } = {}) {
      const what = `a line like ${pattern} from ${file}`;
      let found: RegExpMatchArray | undefined;
      await waitFor(
        () => {
          found = lines.map((line) => line.match(pattern)).find((match) => match !== null) ?? undefined;
          return found !== undefined || exit !== undefined;
        },
        { what, timeoutMs },
      ).catch((error: Error) => {
        throw new Error(`${error.message}\nits output:\n${lines.join('\n')}`);
      });
      if (found !== undefined) return found;
      throw new Error(`${file} ended (${exit?.signal ?? exit?.code}) before ${what}; its output:\n${lines.join('\n')}`);
    },
    async kill(signal = 'SIGTERM') {
      if (exit !== undefined) return exit;
      child.kill(signal);
      return signal === 'SIGSTOP' || signal === 'SIGCONT' ? undefined : exited;
    },
  };
}
