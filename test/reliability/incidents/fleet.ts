import { join } from 'node:path';
import type { useProcesses } from '../../support/processes.ts';
import { freePort } from '../../support/free-port.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import type { TestProcess } from '../../support/processes.ts';
import { SHORT_TIMES, supervise, type Supervised } from '../support/fleet.ts';

type Env = Record<string, string>;

/** As in the examples, and as a Deployment would run them. */
export const GOOD = 'examples/order-fulfillment/workflow.ts';

const WORKERS = 2;

/** A fleet for the orders: the gateway that takes the payments, a scheduler, and two workers with the release that is deployed. */
export class IncidentFleet {
  readonly gatewayUrl: string;
  /** Where Prometheus scrapes. */
  readonly targets: string[];
  readonly #processes: ReturnType<typeof useProcesses>;
  readonly #env: Env;
  readonly #ledger: string;
  readonly #ports: readonly number[];
  #gateway: TestProcess | undefined;
  #workers: Supervised[] = [];

  private constructor(
    processes: ReturnType<typeof useProcesses>,
    databaseUrl: string,
    folder: string,
    ports: readonly number[],
  ) {
    const [gateway, ...metrics] = ports;
    this.#processes = processes;
    this.#ledger = join(folder, 'ledger.jsonl');
    this.#ports = metrics;
    this.gatewayUrl = `http://127.0.0.1:${gateway}`;
    this.targets = metrics.map((port) => `127.0.0.1:${port}`);
    const { TASKER_RETRY_BACKOFF_DISABLED: _, ...times } = SHORT_TIMES;
    this.#env = {
      ...times,
      TASKER_STATS_INTERVAL_MS: '500',
      TASKER_SLOTS: '10',
      DATABASE_URL: databaseUrl,
      PAYMENT_GATEWAY_URL: this.gatewayUrl,
    };
  }

  static async start(processes: ReturnType<typeof useProcesses>, databaseUrl: string): Promise<IncidentFleet> {
    const ports = await Promise.all(Array.from({ length: WORKERS + 2 }, freePort));
    const fleet = new IncidentFleet(processes, databaseUrl, await scratchFolder(), ports);
    const [scheduler] = fleet.#ports;
    const started = processes.start('src/cli/main.ts', {
      args: ['scheduler'],
      env: { ...fleet.#env, TASKER_METRICS_PORT: String(scheduler) },
    });
    await Promise.all([fleet.startGateway(), fleet.deploy(GOOD), started.waitForLine(/scheduler started/)]);
    return fleet;
  }

  /** Ends the workers, which finish what they hold, and starts others with these workflows. */
  async deploy(workflows: string, env: Env = {}): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop('SIGTERM')));
    this.#workers = this.#ports.slice(1).map((port) =>
      supervise(() =>
        this.#processes.start('src/cli/main.ts', {
          args: ['worker', '--workflows', workflows],
          env: { ...this.#env, ...env, TASKER_METRICS_PORT: String(port) },
        }),
      ),
    );
    await Promise.all(this.#workers.map(({ current }) => current.waitForLine(/worker started/)));
  }

  async startGateway(): Promise<void> {
    const port = new URL(this.gatewayUrl).port;
    this.#gateway = this.#processes.start('examples/order-fulfillment/gateway/main.ts', {
      args: ['--ledger', this.#ledger, '--port', port, '--latency-ms', '1-20'],
    });
    await this.#gateway.waitForLine(/listening/);
  }

  async killGateway(): Promise<void> {
    await this.#gateway?.kill('SIGKILL');
  }

  /** What the gateway has charged, and which orders it has charged twice. */
  async ledger(): Promise<{ charges: unknown[]; violations: unknown[] }> {
    return (await (await fetch(`${this.gatewayUrl}/ledger`)).json()) as { charges: unknown[]; violations: unknown[] };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }
}
