import { afterEach, inject } from 'vitest';
import { freePort } from '../../support/free-port.ts';
import { waitFor } from '../../support/wait-for.ts';
import { Container, type ContainerOptions } from './podman.ts';

export interface Process {
  container: Container;
  /** The base URL of its /livez, /readyz and /metrics. */
  url: string;
}

export interface ContainerFleet {
  /** Starts one process of the fleet in a container and waits until it is ready. */
  start(command: readonly string[], options?: ContainerOptions): Promise<Process>;
  /** Starts it without waiting. */
  launch(command: readonly string[], options?: ContainerOptions): Promise<Process>;
  env(extra?: Record<string, string>): Record<string, string>;
}

/** Containers of the fleet's image on one database, removed after each test. */
export function useContainers(database: { url: string }): ContainerFleet {
  const run = inject('testRun');
  const open: Container[] = [];
  let count = 0;

  afterEach(async () => {
    await Promise.all(open.splice(0).map((container) => container.remove()));
  });

  const env = (extra: Record<string, string> = {}): Record<string, string> => ({
    DATABASE_URL: database.url,
    // The containers share this machine's network, so that they reach its loopback address, and must not listen beyond it.
    TASKER_METRICS_HOST: '127.0.0.1',
    ...extra,
  });
  const launch: ContainerFleet['launch'] = async (command, options = {}) => {
    const port = await freePort();
    count += 1;
    const container = await Container.start(`tasker-test-${run.id}-${process.pid}-${count}`, command, {
      ...options,
      env: env({ TASKER_METRICS_PORT: String(port), ...options.env }),
    });
    open.push(container);
    return { container, url: `http://127.0.0.1:${port}` };
  };
  return {
    env,
    launch,
    async start(command, options) {
      const started = await launch(command, options);
      await waitFor(async () => (await fetch(`${started.url}/readyz`)).ok, {
        what: `${command.join(' ')} to be ready`,
        timeoutMs: 60_000,
        intervalMs: 100,
      }).catch(async (error: Error) => {
        throw new Error(`${error.message}\nits output:\n${await started.container.logs()}`);
      });
      return started;
    },
  };
}
