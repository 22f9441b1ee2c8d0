import { spawn } from 'node:child_process';
import type { Logger } from '../logger.ts';
import type { QuarantineProcess } from '../worker/scope/worker-options.ts';

/** Relative paths of the command line start here: a handler may change the working directory later. */
const startedIn = process.cwd();

/** Starts the command of this process once more, for quarantined steps only, with the same standard output and error. */
export function startQuarantine(log: Logger): QuarantineProcess {
  // This process uses the port of the debugger already.
  const execArgv = process.execArgv.filter((flag) => !flag.startsWith('--inspect'));
  const args = [...execArgv, ...process.argv.slice(1), '--quarantine', '--metrics-port', '0'];
  const child = spawn(process.execPath, args, { cwd: startedIn, stdio: ['ignore', 'inherit', 'inherit'] });
  log.warn({ pid: child.pid }, 'steps during which two processes crashed run in a process of their own, one at a time');
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      log.error({ error }, 'the process for quarantined steps could not be started');
      resolve();
    });
    child.once('exit', (status, signal) => {
      log[status === 0 ? 'info' : 'warn'](
        { pid: child.pid, status, signal },
        'the process for quarantined steps ended',
      );
      resolve();
    });
  });
  return {
    exited,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
