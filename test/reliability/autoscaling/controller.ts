import { Autoscaler, type AutoscalerSettings } from '../../../src/scaling/simulation/autoscaler.ts';
import type { TestProcess } from '../../support/processes.ts';

export interface ControllerOptions {
  settings: AutoscalerSettings;
  intervalMs: number;
  /** The signal now; a rejection is a signal that cannot be read. */
  signal: () => Promise<number>;
  start: () => TestProcess;
}

/** Does what KEDA, the HPA and the kubelet do for a deployment: follows the signal with real processes, which SIGTERM ends. */
export class Controller {
  /** Every number of workers, in order. */
  readonly history: number[] = [0];
  private readonly options: ControllerOptions;
  private readonly autoscaler: Autoscaler;
  private workers: TestProcess[] = [];
  private readonly leaving = new Set<Promise<unknown>>();
  private running = true;
  private readonly loop: Promise<void>;

  constructor(options: ControllerOptions) {
    this.options = options;
    this.autoscaler = new Autoscaler(options.settings);
    this.loop = this.run();
  }

  get replicas(): number {
    return this.workers.length;
  }

  /** Ends the loop and waits for the workers that got a SIGTERM. The others keep running. */
  async stop(): Promise<void> {
    this.running = false;
    await this.loop;
    await Promise.all(this.leaving);
  }

  private async run(): Promise<void> {
    while (this.running) {
      const signal = await this.options.signal().catch(() => undefined);
      this.scaleTo(this.autoscaler.decide(performance.now() / 1000, signal, this.replicas));
      await new Promise((resolve) => setTimeout(resolve, this.options.intervalMs));
    }
  }

  private scaleTo(replicas: number): void {
    if (replicas !== this.replicas) this.history.push(replicas);
    while (this.workers.length < replicas) this.workers.push(this.options.start());
    // The newest ends first, as in Kubernetes: it has the least work.
    while (this.workers.length > replicas) {
      const worker = this.workers.pop() as TestProcess;
      const left = worker.kill('SIGTERM').finally(() => this.leaving.delete(left));
      this.leaving.add(left);
    }
  }
}
