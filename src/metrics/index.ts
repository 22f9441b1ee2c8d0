export { METRICS, type MetricDefinition, type MetricKey } from './catalogue.ts';
export { Metrics } from './registry.ts';
