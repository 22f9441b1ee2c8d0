/** What is used of a registry of prom-client, whichever version of it the program has. */
export interface MetricsRegistry {
  /** Throws if it has a metric of that name. */
  registerMetric(metric: object): void;
  removeSingleMetric(name: string): void;
}
