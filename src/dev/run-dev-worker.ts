import process from 'node:process';
import type { Config } from '../config/config.ts';
import { openDatabase } from '../db/connections/database.ts';
import { passwordOf } from '../db/connections/password.ts';
import { registerWorkflows } from '../engine/register-workflows.ts';
import type { Logger } from '../logger.ts';
import { startWorkerWith, type WorkerProcess } from '../worker/start-worker.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { observeSteps } from './observe-steps.ts';
import { recordImports } from './record-imports.ts';
import { sampleInput } from './sample-input.ts';

/** To `tasker dev`, which started this process. If it is gone, the end of the channel has been noticed already. */
export function report(message: FromWorker): void {
  if (process.connected) process.send?.(message, () => undefined);
}

/** Imports of handlers, which load when they first run, are reported this often. */
const REPORT_MS = 2000;

/** Loads the workflows, and reports every file that they import, whether or not they load. */
export async function loadForDev(load: () => Promise<WorkflowDefinition[]>): Promise<WorkflowDefinition[]> {
  const files = recordImports();
  let reported = 0;
  const reportFiles = (): void => {
    if (files.size === reported) return;
    reported = files.size;
    report({ type: 'imported', files: [...files] });
  };
  // Without `tasker dev` nobody would end this process: it drains.
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  try {
    return await load();
  } finally {
    reportFiles();
    setInterval(reportFiles, REPORT_MS).unref();
  }
}

/** Resolves when `tasker dev` wants this process to run steps. */
export function toStart(): Promise<void> {
  report({ type: 'loaded' });
  return new Promise((resolve) => {
    process.on('message', ({ type }: ToWorker) => {
      if (type === 'start') resolve();
    });
  });
}

/**
 * Registers the workflows, a changed graph without a new version, and starts a worker for them. Open tasks of a former graph
 * keep it under another version, which nobody serves, and are listed.
 */
export async function startDevWorker(options: {
  config: Config;
  workflows: readonly WorkflowDefinition[];
  log: Logger;
  /** With the rights of the command itself, for its own lines. */
  devLog: Logger;
}): Promise<WorkerProcess> {
  const { config, workflows, log, devLog } = options;
  const db = openDatabase({
    url: config.databaseUrl,
    schema: config.schema,
    poolSize: 1,
    applicationName: 'tasker dev',
    password: passwordOf(config),
    pooled: config.pooled,
  });
  try {
    for (const registration of await registerWorkflows(db, workflows, 'set-aside')) {
      if (registration.outcome === 'refused') continue;
      const { name, version } = registration.definition;
      for (const aside of registration.setAside) {
        devLog.info(`${name} ${version} has other steps or edges now: registered again under the same version`);
        if (aside.taskIds.length > 0) devLog.warn(openTasks(name, aside));
      }
    }
  } finally {
    await db.close();
  }
  const observer = observeSteps(log, (taskId, state) => report({ type: 'taskEnded', taskId, state }));
  const worker = await startWorkerWith({ config, workflows, log }, { observer });
  const served = workflows.map(({ namespace, name, version, steps, inputSchema, identity }) => ({
    namespace,
    name,
    version,
    steps: steps.length,
    sampleInput: sampleInput(inputSchema),
    needsKey: identity === 'caller_key',
  }));
  report({ type: 'started', workflows: served });
  return worker;
}

const MOST_IDS = 20;

function openTasks(name: string, { version, taskIds }: { version: string; taskIds: readonly string[] }): string {
  const ids = taskIds.slice(0, MOST_IDS).join(', ') + (taskIds.length > MOST_IDS ? ', ...' : '');
  return taskIds.length === 1
    ? `task ${ids} has the former graph, and waits as ${name} ${version}: change the graph back to go on with it, or cancel it (npx tasker cancel ${ids})`
    : `${taskIds.length} tasks have the former graph, and wait as ${name} ${version}: change the graph back to go on with them, or cancel them (npx tasker cancel, each of ${ids})`;
}
