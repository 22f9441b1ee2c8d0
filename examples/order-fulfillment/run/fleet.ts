import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedProcess, type ProcessEvents, type ProcessSpec } from './managed-process.ts';
import { freePorts } from './ports.ts';

export interface FleetOptions {
  databaseUrl: string;
  directUrl: string | undefined;
  workers: number;
  /** First port for metrics. */
  port: number;
  logDir: string;
  ledgerPath: string;
  /** Start the HTTP API with the dashboard, too. */
  dashboard: boolean;
}

export interface FleetEvents {
  restarting: (message: string) => void;
  /** A process cannot be kept alive: the run is over. */
  givenUp: (error: Error) => void;
}

const gatewayMain = 'examples/order-fulfillment/gateway/main.ts';
const taskerMain = 'src/cli/main.ts';
const workflowModule = 'examples/order-fulfillment/workflow.ts';

/** As long as a payment provider on the other side of a network would take. */
const gatewayLatencyMs = '40-160';
/** The default of TASKER_API_PORT. */
const FIRST_API_PORT = 8280;

/** Twice the workers' own grace, in case the machine is slow. */
const stopGraceMs = 20_000;

/** The gateway, the scheduler and the workers, each a process. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #events: FleetEvents;
  readonly #processes: ManagedProcess[] = [];
  readonly #metricsUrls: { name: string; url: string }[] = [];
  #gatewayPort = 0;
  #dashboardUrl: string | undefined;
  #stopping: Promise<boolean> | undefined;

  constructor(options: FleetOptions, events: FleetEvents) {
    this.#options = options;
    this.#events = events;
  }

  get gatewayUrl(): string {
    return `http://127.0.0.1:${this.#gatewayPort}`;
  }

  /** Undefined: without one. */
  get dashboardUrl(): string | undefined {
    return this.#dashboardUrl;
  }

  get logDir(): string {
    return this.#options.logDir;
  }

  /** Name and process id of each. */
  get pids(): readonly { name: string; pid: number | undefined }[] {
    return this.#processes.map(({ name, pid }) => ({ name, pid }));
  }

  get metricsUrls(): readonly { name: string; url: string }[] {
    return this.#metricsUrls;
  }

  get restarts(): number {
    return this.#processes.reduce((sum, each) => sum + each.restarts, 0);
  }

  /** Starts everything and resolves when all of it is ready. */
  async start(): Promise<void> {
    const { workers, port, logDir } = this.#options;
    await mkdir(logDir, { recursive: true });
    const [schedulerPort, ...workerPorts] = (await freePorts(port, workers + 1)) as [number, ...number[]];
    await this.#launch(await this.#gateway());
    await Promise.all([
      this.#launch(await this.#tasker('scheduler', 'scheduler', schedulerPort)),
      ...workerPorts.map(async (each, index) =>
        this.#launch(await this.#tasker('worker', `worker ${index + 1}`, each)),
      ),
      ...(this.#options.dashboard ? [this.#startApi()] : []),
    ]);
  }

  /** Stops the workers, which finish or release what they hold, then the others. True if no process had to be killed. */
  stop(stopNow: AbortSignal): Promise<boolean> {
    this.#stopping ??= this.#stop(stopNow);
    return this.#stopping;
  }

  async #stop(stopNow: AbortSignal): Promise<boolean> {
    const results: boolean[] = [];
    for (const group of [this.#processes.filter(isWorker), this.#processes.filter((each) => !isWorker(each))]) {
      results.push(...(await Promise.all(group.map((each) => each.stop(stopGraceMs, stopNow)))));
    }
    return results.every(Boolean);
  }

  async #launch(spec: ProcessSpec): Promise<void> {
    // A start that was interrupted must not add processes while the stop runs.
    if (this.#stopping !== undefined) return;
    const events: ProcessEvents = this.#events;
    const launched = new ManagedProcess(spec, events);
    this.#processes.push(launched);
    await launched.start();
  }

  /** On the usual port of the API, or the next free one. From sources the dashboard is built when somebody asks first, which is now. */
  async #startApi(): Promise<void> {
    const [port] = (await freePorts(FIRST_API_PORT, 1)) as [number];
    const url = `http://127.0.0.1:${port}`;
    const { databaseUrl, directUrl } = this.#options;
    await this.#launch({
      name: 'api',
      args: () => [taskerMain, 'api'],
      env: () => ({
        DATABASE_URL: databaseUrl,
        ...(directUrl === undefined ? {} : { DATABASE_URL_DIRECT: directUrl }),
        TASKER_API_PORT: String(port),
        TASKER_METRICS_PORT: '0',
      }),
      logFile: await this.#logFile('api'),
      isReady: () => answersOk(`${url}/readyz`),
    });
    this.#dashboardUrl = `${url}/ui/`;
    void fetch(this.#dashboardUrl).catch(() => {});
  }

  async #gateway(): Promise<ProcessSpec> {
    return {
      name: 'payment gateway',
      // After a restart it must use the port that the workers have.
      args: () => [
        gatewayMain,
        '--ledger',
        this.#options.ledgerPath,
        '--port',
        String(this.#gatewayPort),
        '--latency-ms',
        gatewayLatencyMs,
      ],
      env: () => ({}),
      logFile: await this.#logFile('payment-gateway'),
      isReady: async (child) => {
        if (this.#gatewayPort === 0) this.#gatewayPort = await listeningPort(child);
        return answersOk(`${this.gatewayUrl}/health`);
      },
    };
  }

  async #tasker(role: 'worker' | 'scheduler', name: string, port: number): Promise<ProcessSpec> {
    const { databaseUrl, directUrl } = this.#options;
    const metrics = { name, url: '' };
    this.#metricsUrls.push(metrics);
    const use = (free: number): void => {
      port = free;
      metrics.url = `http://127.0.0.1:${port}/metrics`;
    };
    use(port);
    return {
      name,
      args: () => [taskerMain, role, ...(role === 'worker' ? ['--workflows', workflowModule] : [])],
      env: () => ({
        DATABASE_URL: databaseUrl,
        ...(directUrl === undefined ? {} : { DATABASE_URL_DIRECT: directUrl }),
        TASKER_METRICS_PORT: String(port),
        PAYMENT_GATEWAY_URL: this.gatewayUrl,
      }),
      // Another program may have taken the port since it was found free; the others of this fleet may not have theirs yet.
      beforeRestart: async () => {
        const ours = new Set(this.#metricsUrls.filter((each) => each !== metrics).map(({ url }) => new URL(url).port));
        const free = await freePorts(this.#options.port, this.#metricsUrls.length + 1);
        const next = free.find((each) => !ours.has(String(each)));
        if (next !== undefined) use(next);
      },
      logFile: await this.#logFile(name.replace(' ', '-')),
      isReady: () => answersOk(`http://127.0.0.1:${port}/readyz`),
    };
  }

  /** Empty for each run: the log of a run is what that run did. */
  async #logFile(name: string): Promise<string> {
    const file = join(this.#options.logDir, `${name}.log`);
    await writeFile(file, '');
    return file;
  }
}

function isWorker(each: ManagedProcess): boolean {
  return each.name.startsWith('worker');
}

function listeningPort(child: NodeJS.EventEmitter): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: { listening?: { port: number } }) => {
      if (message.listening === undefined) reject(new Error('the gateway did not say where it listens'));
      else resolve(message.listening.port);
    });
    child.once('exit', () => reject(new Error('the gateway ended before it listened')));
  });
}

async function answersOk(url: string): Promise<boolean> {
  return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
}
