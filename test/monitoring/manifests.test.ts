import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { METRICS } from '../../src/metrics/catalogue.ts';
import { DEFAULT_AUTOSCALER } from '../../src/scaling/simulation/autoscaler.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const components = fileURLToPath(new URL('../../deploy/k8s/components', import.meta.url));

// A path into a manifest that is not there fails the test that follows it; types for all of them would repeat the manifests.
// oxlint-disable-next-line typescript/no-explicit-any
type Node = Record<string, any>;
const documents = (file: string): Node[] =>
  parseAllDocuments(readFileSync(`${components}/${file}`, 'utf8')).map((document) => document.toJS() as Node);
const ofKind = (file: string, kind: string): Node =>
  documents(file).find((document) => document['kind'] === kind) as Node;

const scaledObjects = [
  'keda-postgresql/scaled-object.yaml',
  'keda-postgresql/examples/mail-queue.yaml',
  'keda-prometheus/scaled-object.yaml',
];

/** The behavior of an HPA, in the simulator's terms. */
function policiesOf(behavior: Node): unknown {
  const one = (rules: Node) => {
    const policy = (type: string): Node => rules['policies'].find((candidate: Node) => candidate['type'] === type);
    expect(rules['selectPolicy']).toBe('Max');
    return {
      stabilizationSeconds: rules['stabilizationWindowSeconds'],
      share: policy('Percent')['value'] / 100,
      pods: policy('Pods')['value'],
      periodSeconds: policy('Pods')['periodSeconds'],
    };
  };
  return { up: one(behavior['scaleUp']), down: one(behavior['scaleDown']) };
}

describe('the autoscaling components', () => {
  it.each(scaledObjects)('%s: scale as the simulator does by default', (file) => {
    const { spec } = ofKind(file, 'ScaledObject');
    expect({
      minReplicas: spec.minReplicaCount,
      maxReplicas: spec.maxReplicaCount,
      pollingSeconds: spec.pollingInterval,
      cooldownSeconds: spec.cooldownPeriod,
    }).toEqual({
      minReplicas: DEFAULT_AUTOSCALER.minReplicas,
      maxReplicas: DEFAULT_AUTOSCALER.maxReplicas,
      pollingSeconds: DEFAULT_AUTOSCALER.pollingSeconds,
      cooldownSeconds: DEFAULT_AUTOSCALER.cooldownSeconds,
    });
    const { behavior } = spec.advanced.horizontalPodAutoscalerConfig;
    expect(policiesOf(behavior)).toEqual({ up: DEFAULT_AUTOSCALER.up, down: DEFAULT_AUTOSCALER.down });
    expect(spec.triggers).toHaveLength(1);
    expect(spec.triggers[0].metricType).toBe('AverageValue');
  });

  it('run a query that returns one number, also on an empty database', async () => {
    for (const file of scaledObjects.slice(0, 2)) {
      const { metadata } = ofKind(file, 'ScaledObject')['spec'].triggers[0];
      expect(metadata.targetQueryValue).toBe('1');
      expect(await test.query(metadata.query)).toEqual([{ coalesce: 0 }]);
    }
    await test.query(
      `INSERT INTO tasker.tasker_queue_scaling_signals
       SELECT q, n, n, 1, 'load', 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, NULL, now(), 'infinity'
       FROM (VALUES ('default', 7), ('mail', 2)) AS v (q, n)`,
    );
    const [main, mail] = scaledObjects.map((file) => ofKind(file, 'ScaledObject')['spec'].triggers[0].metadata.query);
    expect(await test.query(main)).toEqual([{ coalesce: 7 }]);
    expect(await test.query(mail)).toEqual([{ coalesce: 2 }]);
  });

  it('query Prometheus for the gauge, and treat a missing response as missing', () => {
    const { metadata } = ofKind('keda-prometheus/scaled-object.yaml', 'ScaledObject')['spec'].triggers[0];
    expect(metadata).toMatchObject({ threshold: '1', ignoreNullValues: 'false' });
    expect(metadata.query).toContain(`${METRICS.desiredReplicas.name}{`);
  });

  it('give a plain HPA the same behavior, and the gauge as an external metric', () => {
    const { spec } = ofKind('hpa-external/horizontal-pod-autoscaler.yaml', 'HorizontalPodAutoscaler');
    expect(policiesOf(spec.behavior)).toEqual({ up: DEFAULT_AUTOSCALER.up, down: DEFAULT_AUTOSCALER.down });
    expect(spec.maxReplicas).toBe(DEFAULT_AUTOSCALER.maxReplicas);
    const [{ external }] = spec.metrics;
    expect(external.metric.name).toBe(METRICS.desiredReplicas.name);
    expect(external.target).toEqual({ type: 'AverageValue', averageValue: '1' });
    const [adapter] = documents('hpa-external/prometheus-adapter-values.yaml') as [Node];
    expect(adapter['rules'].external[0].seriesQuery).toBe(METRICS.desiredReplicas.name);
  });

  it.each(['hpa-external', 'keda-postgresql', 'keda-prometheus', 'monitoring'])(
    '%s: its kustomization names files that are there, and every manifest',
    (component) => {
      const [kustomization] = documents(`${component}/kustomization.yaml`) as [Node];
      if (kustomization['kind'] !== 'Component') return;
      const named: string[] = [
        ...(kustomization['resources'] ?? []),
        ...(kustomization['patches'] ?? []).map(({ path }: { path: string }) => path),
        ...(kustomization['configMapGenerator'] ?? []).flatMap(({ files }: { files: string[] }) => files),
      ];
      const there = readdirSync(`${components}/${component}`);
      for (const file of named) expect(there).toContain(file);
      const unnamed = there.filter((file) => file.endsWith('.yaml') && !named.includes(file));
      expect(
        unnamed.filter((file) => !['kustomization.yaml', 'prometheus-adapter-values.yaml'].includes(file)),
      ).toEqual([]);
    },
  );
});

describe('the pod monitor', () => {
  it('keeps the labels of the metrics: a workflow’s namespace is not the pod’s', () => {
    const { spec } = ofKind('monitoring/pod-monitor.yaml', 'PodMonitor');
    expect(spec.podMetricsEndpoints).toMatchObject([{ port: 'metrics', honorLabels: true }]);
  });
});
