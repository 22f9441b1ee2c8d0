import { execFileSync, spawn } from 'node:child_process';

/** What each program prints as its first result. */
const RESULT = /hello you/;

/** Lines with something on them. */
export const linesOf = (program: string): number => program.split('\n').filter((line) => line.trim() !== '').length;

/** How long the modules that a program imports take to load, in processes of their own. */
export function importMs(folder: string, program: string, times: number): number[] {
  const modules = [...program.matchAll(/^import .* from '([^']+)';$/gm)].map(([, module]) => module);
  const script = `
    const startedAt = performance.now();
    for (const module of ${JSON.stringify(modules)}) await import(module);
    console.log(performance.now() - startedAt);
    process.exit();`;
  return Array.from({ length: times }, () =>
    Number(
      execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
        cwd: folder,
        encoding: 'utf8',
      }).trim(),
    ),
  );
}

/** Seconds from the start of the process to its first result. Rejects if there is none, or the process does not end well. */
export function runProgram(folder: string, url: string, command = ['program.mjs']): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let output = '';
    let seconds: number | undefined;
    const child = spawn(process.execPath, command, {
      cwd: folder,
      env: { ...process.env, DATABASE_URL: url, TASKER_METRICS_PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), 60_000);
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      if (seconds === undefined && RESULT.test(output)) seconds = (performance.now() - startedAt) / 1000;
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      if (seconds !== undefined && code === 0) resolve(seconds);
      else
        reject(
          new Error(
            `the program ended with ${code ?? signal}, ${seconds === undefined ? 'without' : 'after'} a result: ${output.slice(-500)}`,
          ),
        );
    });
  });
}
