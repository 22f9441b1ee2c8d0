import { ALERT_GROUPS } from './alerts.ts';
import { RECORDING_RULES } from './rules.ts';

/**
 * The address of the published runbooks; an alert's link is this and its name. Replace it by the address of your copy of
 * docs/.
 */
const RUNBOOKS = 'https://tasker-fleet.example/docs/operations/runbooks';

export interface RuleGroups {
  groups: { name: string; interval?: string; rules: Record<string, unknown>[] }[];
}

/**
 * The rules that a Prometheus server loads. For tests: `shorten` replaces every `for`; `annotations: false` leaves out the
 * texts, which promtool would compare literally.
 */
export function ruleGroups(options: { shorten?: string; annotations?: boolean } = {}): RuleGroups {
  return {
    groups: [
      { name: 'tasker-recording', rules: RECORDING_RULES.map(({ record, expr }) => ({ record, expr })) },
      ...ALERT_GROUPS.map(({ name, alerts }) => ({
        name,
        rules: alerts.map((alert) => ({
          alert: alert.name,
          expr: alert.expr,
          for: options.shorten ?? alert.for,
          labels: { severity: alert.severity },
          ...(options.annotations === false
            ? {}
            : {
                annotations: {
                  summary: alert.summary,
                  description: alert.description,
                  runbook_url: `${RUNBOOKS}/${alert.name}.md`,
                },
              }),
        })),
      })),
    ],
  };
}

/** The same for the Prometheus operator. */
export function prometheusRule(): Record<string, unknown> {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name: 'tasker-fleet',
      labels: { 'app.kubernetes.io/name': 'tasker-fleet', 'app.kubernetes.io/component': 'monitoring' },
    },
    spec: ruleGroups(),
  };
}
