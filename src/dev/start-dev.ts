import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { ConfigError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Drained } from '../process/service.ts';
import { startScheduler } from '../scheduler/start-scheduler.ts';
import { banner, labelOf, submitCommand } from './banner.ts';
import { type DevServer, makeDevFolder, prepareDatabase, refuseForeignFleet, startDevServer } from './database.ts';
import { readDevFile, removeDevFile, writeDevFile } from './dev-file.ts';
import { devLogger } from './dev-logger.ts';
import { Generations } from './generations.ts';

export interface DevOptions {
  /** For the database and what other commands read; made if missing. */
  folder: string;
  /** Modules and folders of modules, absolute. */
  workflows: readonly string[];
  /** Further files and folders whose changes count. */
  watched: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Of this program, for a worker process. `first`: not after a crash. */
  workerArgs: (first: boolean) => readonly string[];
  log: Logger;
  verbose: boolean;
  /** Ends with the first task that ends, or if the workflows do not load. */
  once: boolean;
  write: (text: string) => void;
  /** Serves the dashboard; undefined: without one. */
  startApi?: ((env: NodeJS.ProcessEnv) => Promise<DevApi>) | undefined;
}

/** An API of this process. */
export interface DevApi {
  readonly apiUrl: string;
  stop(): Promise<Drained>;
}

export interface RunningDev {
  stop(): Promise<Drained>;
  hurry(): void;
  /** With `once`: resolves at the end of the first task. */
  readonly idle: Promise<void>;
  /** With `once`: whether the first task is complete. */
  succeeded(): boolean;
}

/** Variables about the database that DATABASE_URL names; they mean nothing for the embedded one. */
const OF_OTHER_DATABASES = ['DATABASE_URL_DIRECT', 'TASKER_POOLED', 'TASKER_DATABASE_PASSWORD_FILE'];

/**
 * Everything that one person needs for a workflow: a database, a scheduler, and a worker that starts anew when its code
 * changes.
 */
export async function startDev(options: DevOptions): Promise<RunningDev> {
  const { folder, log } = options;
  const other = await readDevFile(folder);
  if (other !== undefined) {
    throw new ConfigError(
      `tasker dev runs in this folder already (pid ${other.pid}): stop it, or name another folder with --data`,
    );
  }
  makeDevFolder(folder);
  const given = options.env['DATABASE_URL']?.trim();
  if (!given) log.info(existsSync(join(folder, 'postgres')) ? 'starting PostgreSQL' : 'making a PostgreSQL, once');
  const server = given ? undefined : await startDevServer(folder, (line) => log.debug(line));
  try {
    const env = server === undefined ? options.env : embeddedEnvironment(options.env, server);
    // Free ports for metrics: a scheduler and one or two workers cannot share one that is configured.
    const config = loadConfig('scheduler', env, { metricsPort: '0' });
    if (server === undefined) await refuseForeignFleet(config);
    const applied = await prepareDatabase(config);
    if (applied.length > 0) log.debug(`migrated: ${applied.join(', ')}`);
    const { schema } = config;
    const workflows = [...options.workflows];
    writeDevFile(folder, { pid: process.pid, ...(server && { url: server.url }), schema, workflows });
    const scheduler = await startDevScheduler(config, options.verbose);
    const api = await options.startApi?.(env);
    return serve(options, { config, env, server, scheduler, api });
  } catch (error) {
    removeDevFile(folder);
    await server?.stop();
    throw error;
  }
}

async function startDevScheduler(config: Config, verbose: boolean): Promise<{ stop(): Promise<Drained> }> {
  const log = devLogger({ role: 'scheduler', level: config.logLevel, verbose });
  const scheduler = await startScheduler({ config, log });
  return {
    async stop() {
      const drained = await scheduler.stop();
      // Sessions that the server ends next are no news.
      log.level = 'silent';
      return drained;
    },
  };
}

function embeddedEnvironment(env: NodeJS.ProcessEnv, server: DevServer): NodeJS.ProcessEnv {
  const changed: NodeJS.ProcessEnv = { ...env, DATABASE_URL: server.url };
  for (const name of OF_OTHER_DATABASES) delete changed[name];
  return changed;
}

interface Started {
  config: Config;
  env: NodeJS.ProcessEnv;
  server: DevServer | undefined;
  scheduler: { stop(): Promise<Drained> };
  api: DevApi | undefined;
}

function serve(options: DevOptions, { config, env, server, scheduler, api }: Started): RunningDev {
  const { folder, log, once } = options;
  const firstEnd = Promise.withResolvers<void>();
  const cut = Promise.withResolvers<Drained>();
  const known = new Set<string>();
  let outcome: 'complete' | 'error' | 'none' = 'none';
  const generations = new Generations({
    args: options.workerArgs,
    env,
    log,
    paths: [...options.workflows, ...options.watched],
    onStarted(workflows, reloaded) {
      const added = workflows.filter((each) => !known.has(labelOf(each)));
      if (reloaded && known.size > 0) {
        log.info('reloaded');
        for (const each of added) log.info(`new: ${labelOf(each)}, ${submitCommand(each)}`);
      } else {
        const dashboard = api === undefined ? undefined : `${api.apiUrl}/ui/`;
        options.write(
          banner({ workflows, folder, url: config.databaseUrl, embedded: server !== undefined, dashboard }),
        );
      }
      for (const each of added) known.add(labelOf(each));
    },
    onFailed() {
      if (once) firstEnd.resolve();
    },
    onNotSubmitted() {
      if (once) firstEnd.resolve();
    },
    onTaskEnded(_, state) {
      if (outcome === 'none') outcome = state;
      if (once) firstEnd.resolve();
    },
  });
  // Not waited for: Ctrl-C works while the code loads.
  void generations.start();

  const stop = async (): Promise<Drained> => {
    removeDevFile(folder);
    await generations.stop();
    await api?.stop();
    const drained = await Promise.race([scheduler.stop(), cut.promise]);
    await server?.stop();
    return drained;
  };
  let stopping: Promise<Drained> | undefined;
  return {
    stop: () => (stopping ??= stop()),
    hurry() {
      generations.kill();
      cut.resolve({ unfinished: [] });
    },
    idle: firstEnd.promise,
    succeeded: () => outcome === 'complete',
  };
}
