import { METRICS, type MetricDefinition } from './catalogue.ts';
import type { MetricsRegistry } from './metrics-registry.ts';
import type { Metrics } from './registry.ts';

interface Sample {
  labels: Record<string, string | number>;
}

interface Readable {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly aggregator: string;
  get(): Promise<{ values: Sample[] }>;
}

/**
 * Lets the registry of a program have the metrics of a role of ours, under their names and with the label `role`; those of the process itself are
 * the program's. `refresh`: before they are read. Returns what takes them away again. Throws if the registry has one of the names.
 */
export function shareMetrics(
  metrics: Metrics,
  registry: MetricsRegistry,
  refresh: () => void = () => undefined,
): () => void {
  const { role } = metrics;
  const names = new Set((Object.values(METRICS) as MetricDefinition[]).map(({ name }) => name));
  const shared: string[] = [];
  const unshare = (): void => {
    for (const name of shared.splice(0)) registry.removeSingleMetric(name);
  };
  try {
    for (const metric of metrics.registry.getMetricsAsArray() as unknown as readonly Readable[]) {
      const { name, type, help, aggregator } = metric;
      if (!names.has(name)) continue;
      const get = async (): Promise<object> => {
        refresh();
        const read = await metric.get();
        return { ...read, values: read.values.map((value) => ({ ...value, labels: { role, ...value.labels } })) };
      };
      // What is counted is theirs to read, and not to set to zero.
      registry.registerMetric({ name, type, help, aggregator, get, reset: () => undefined });
      shared.push(name);
    }
  } catch (error) {
    unshare();
    throw error;
  }
  return unshare;
}
