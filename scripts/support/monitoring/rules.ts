import { METRICS, type MetricKey } from '../../../src/metrics/catalogue.ts';

/** The name of a metric in the catalogue: a rule about a metric that was removed does not compile. */
export const m = (key: MetricKey): string => METRICS[key].name;

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

const attempts = (window: string, selector = ''): string =>
  `sum by (namespace, workflow, step) (rate(${m('stepAttempts')}${selector}[${window}]))`;

/**
 * Rules that alerts and dashboard share. Gauges of the whole fleet are measured by every scheduler, so their maximum is
 * taken; counters of the workers are summed.
 */
export const RECORDING_RULES: readonly RecordingRule[] = [
  { record: 'tasker:ready_steps:max', expr: `max by (queue) (${m('readySteps')})` },
  { record: 'tasker:oldest_ready_seconds:max', expr: `max by (queue) (${m('oldestReady')})` },
  { record: 'tasker:desired_replicas:max', expr: `max by (queue) (${m('desiredReplicas')})` },
  {
    record: 'tasker:start_latency_seconds:p95_5m',
    expr: `histogram_quantile(0.95, sum by (queue, le) (rate(${m('readyToStart')}_bucket[5m])))`,
  },
  {
    record: 'tasker:claim_seconds:p99_5m',
    expr: `histogram_quantile(0.99, sum by (le) (rate(${m('claimSeconds')}_bucket[5m])))`,
  },
  { record: 'tasker:attempts:rate_5m', expr: attempts('5m') },
  {
    record: 'tasker:failure_ratio:5m',
    // A step that never failed has no such series: it has zero failures, not an unknown number.
    expr: `(${attempts('5m', '{outcome=~"error|timeout"}')} or 0 * ${attempts('5m')}) / ${attempts('5m')}`,
  },
  {
    record: 'tasker:connections_used:ratio',
    expr: `max(${m('databaseConnections')}{kind="used"}) / max(${m('databaseConnections')}{kind="limit"})`,
  },
];
