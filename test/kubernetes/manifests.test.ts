import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../src/config/catalogue.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { kubectlUnavailable, type Manifest, overlayNames, read, render, titleOf } from './kustomize.ts';
import { containersOf, selects, type Workload, workloads } from './pods.ts';
import { schemaErrors, typeErrors } from './schemas.ts';

const unavailable = kubectlUnavailable();
if (unavailable !== undefined) console.log(`the manifests are not tested: ${unavailable}`);
const overlays = unavailable === undefined ? overlayNames().map((name) => ({ name, manifests: render(name) })) : [];
const settings = new Set<string>(Object.values(CATALOGUE).map(({ env }) => env));

/** Secrets that a cluster has from elsewhere, and what is in them. */
const GIVEN_SECRETS: Record<string, string[]> = {
  'tasker-database': ['DATABASE_URL', 'DATABASE_URL_DIRECT'],
  'tasker-database-replica': ['DATABASE_URL'],
  'tasker-archive': ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  'tasker-pgbouncer': ['userlist.txt', 'databases.ini'],
  'tasker-oidc': ['TASKER_OIDC_CLIENT_SECRET'],
};
interface Backend {
  name: string;
  port: { name: string };
}

/** Seconds to abort handlers, give their steps back and leave, after the drain. */
const AFTER_DRAIN_SECONDS = 10;

const ofFleet = ({ labels }: Workload): boolean => labels['app.kubernetes.io/name'] === 'tasker-fleet';
const find = (manifests: readonly Manifest[], kind: string, name: string): Manifest | undefined =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);

describe.skipIf(unavailable !== undefined)('the overlays', () => {
  test('are all there', () => {
    expect(overlays.map(({ name }) => name)).toEqual(expect.arrayContaining(['dev', 'production', 'variants/queues']));
  });

  test('pass the published schemas', async () => {
    const all = overlays.flatMap(({ manifests }) => manifests);
    expect((await Promise.all(all.map((manifest) => schemaErrors(manifest)))).flat()).toEqual([]);
  });

  test('have an example of an Ingress, which leads to the Service of the API', async () => {
    const [ingress, ...others] = read('deploy/k8s/components/api/ingress.yaml') as [Manifest, ...Manifest[]];
    expect(others).toEqual([]);
    expect(await schemaErrors(ingress)).toEqual([]);
    const { rules } = ingress.spec as { rules: { http: { paths: { backend: { service: Backend } }[] } }[] };
    const [backend] = rules.flatMap(({ http }) => http.paths.map((path) => path.backend.service));
    const { manifests } = overlays.find(({ name }) => name === 'variants/api') as (typeof overlays)[number];
    const service = find(manifests, 'Service', backend?.name ?? '') as Manifest;
    const { ports } = service.spec as { ports: { name: string }[] };
    expect(ports.map(({ name }) => name)).toContain(backend?.port.name);
  });

  test('have an example of Secrets from a store, with the keys that the fleet reads', () => {
    const examples = read('deploy/k8s/components/external-secrets/external-secret.yaml');
    for (const { spec } of examples) {
      const { target, data } = spec as { target: { name: string }; data: { secretKey: string }[] };
      expect(GIVEN_SECRETS[target.name]).toBeDefined();
      for (const { secretKey } of data) expect(settings.has(secretKey), secretKey).toBe(true);
      expect(data.map(({ secretKey }) => secretKey)).toEqual(expect.arrayContaining([GIVEN_SECRETS[target.name]?.[0]]));
    }
    expect(examples.length).toBe(2);
  });

  test('have an example of a Route, which leads to the Service of the API', () => {
    const [route] = read('deploy/k8s/components/openshift/route.yaml') as [Manifest];
    const { to, port } = route.spec as { to: { name: string }; port: { targetPort: string } };
    const { manifests } = overlays.find(({ name }) => name === 'variants/openshift') as (typeof overlays)[number];
    const { ports } = (find(manifests, 'Service', to.name) as Manifest).spec as { ports: { name: string }[] };
    expect(ports.map(({ name }) => name)).toContain(port.targetPort);
  });

  test('on OpenShift ask its own DNS, and on others that of the cluster or of the node', () => {
    const portsOf = (name: string): number[] => {
      const { manifests } = overlays.find((each) => each.name === name) as (typeof overlays)[number];
      const { egress } = (find(manifests, 'NetworkPolicy', 'tasker-dns') as Manifest).spec as {
        egress: { ports: { port: number }[] }[];
      };
      return egress.flatMap(({ ports }) => ports.map(({ port }) => port));
    };
    expect(portsOf('variants/openshift')).toEqual([5353, 5353]);
    expect(portsOf('production')).toEqual([53, 53]);
  });

  test('with an archive let schedulers and the API reach it, with its key', () => {
    const { manifests } = overlays.find(({ name }) => name === 'variants/archive') as (typeof overlays)[number];
    for (const name of ['tasker-scheduler', 'tasker-api']) {
      const [workload] = workloads(
        manifests.filter(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name),
      );
      const [container] = workload?.pod.containers ?? [];
      expect(container?.env?.map((each) => each.name)).toContain('TASKER_ARCHIVE_URL');
      expect(container?.envFrom?.map(({ secretRef }) => secretRef?.name)).toContain('tasker-archive');
      const open = manifests
        .filter(({ kind }) => kind === 'NetworkPolicy')
        .filter(({ spec }) => selects((spec as { podSelector: object }).podSelector, workload?.labels ?? {}))
        .flatMap(({ spec }) => (spec as { egress?: { ports?: { port: number }[] }[] }).egress ?? [])
        .flatMap(({ ports }) => ports?.map(({ port }) => port) ?? []);
      expect(open, name).toContain(443);
    }
  });

  test('with traces let every process that exports spans reach the collector, whose address it has', () => {
    const { manifests } = overlays.find(({ name }) => name === 'variants/otlp') as (typeof overlays)[number];
    const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy');
    for (const name of ['tasker-worker', 'tasker-scheduler', 'tasker-api']) {
      const [workload] = workloads(
        manifests.filter(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name),
      );
      const endpoint = workload?.pod.containers[0]?.env?.find((each) => each.name === 'OTEL_EXPORTER_OTLP_ENDPOINT');
      const { port, hostname } = new URL((endpoint as { value?: string } | undefined)?.value ?? 'none:');
      const namespace = hostname.split('.')[1];
      const open = policies
        .filter(({ spec }) => selects((spec as { podSelector: object }).podSelector, workload?.labels ?? {}))
        .flatMap(({ spec }) => (spec as { egress?: { to?: object[]; ports?: { port: number }[] }[] }).egress ?? [])
        .filter(({ to }) => JSON.stringify(to ?? []).includes(`"kubernetes.io/metadata.name":"${namespace}"`));
      expect(
        open.flatMap(({ ports = [] }) => ports.map((each) => String(each.port))),
        name,
      ).toContain(port);
    }
    // What runs for a moment exports nothing: it has no way out.
    const [migrate] = workloads(manifests.filter(({ kind }) => kind === 'Job'));
    const otlp = find(policies, 'NetworkPolicy', 'tasker-otlp')?.spec as { podSelector: object };
    expect(selects(otlp.podSelector, migrate?.labels ?? {})).toBe(false);
  });

  test('have no key that their types do not have', { timeout: 120_000 }, async () => {
    const example = read('deploy/k8s/components/api/ingress.yaml');
    expect(await typeErrors([...overlays.flatMap(({ manifests }) => manifests), ...example])).toEqual([]);
  });

  test.each([
    [
      'a misspelt key',
      (pod: Record<string, unknown>) => (pod['terminationGracePeriodSecond'] = 57),
      'terminationGracePeriodSecond',
    ],
    [
      'a misspelt key deep down',
      (pod: Record<string, unknown>) =>
        ((
          (pod['containers'] as Record<string, Record<string, unknown>>[])[0] as Record<string, Record<string, unknown>>
        )['securityContext'] = { readOnlyRootFileSystem: true }),
      'readOnlyRootFileSystem',
    ],
    [
      'a value of the wrong type',
      (pod: Record<string, unknown>) => (pod['terminationGracePeriodSeconds'] = '57'),
      'string',
    ],
  ])('with %s are refused', { timeout: 120_000 }, async (_, spoil, named) => {
    const worker = structuredClone(find(render('dev'), 'Deployment', 'tasker-worker')) as Manifest;
    spoil((worker.spec as { template: { spec: Record<string, unknown> } }).template.spec);
    const errors = [...(await schemaErrors(worker)), ...(await typeErrors([worker]))];
    expect(errors.join('\n')).toContain('Deployment/tasker-worker: ');
    expect(errors.join('\n')).toContain(named);
  });
});

describe.skipIf(unavailable !== undefined).each(overlays)('overlay $name', ({ name: overlay, manifests }) => {
  const pods = workloads(manifests);
  const fleet = pods.filter(ofFleet);
  const running = fleet.filter(({ manifest }) => manifest.kind === 'Deployment');
  const configOf = (workload: Workload, container = workload.pod.containers[0]): Record<string, string> => {
    const from = (container?.envFrom ?? []).map(({ configMapRef }) =>
      find(manifests, 'ConfigMap', configMapRef?.name ?? ''),
    );
    const direct = (container?.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]));
    return { ...Object.assign({}, ...from.map((map) => map?.data)), ...Object.fromEntries(direct) } as Record<
      string,
      string
    >;
  };

  test('has a migrate Job, workers and two schedulers', () => {
    expect(find(manifests, 'Job', 'tasker-migrate')).toBeDefined();
    expect(running.some(({ manifest }) => manifest.metadata.name === 'tasker-worker')).toBe(true);
    const scheduler = find(manifests, 'Deployment', 'tasker-scheduler')?.spec as { replicas: number };
    expect(scheduler.replicas).toBeGreaterThanOrEqual(2);
  });

  test('every key of configuration and Secrets that the fleet reads is in the catalogue', () => {
    const keys = fleet.flatMap((workload) =>
      containersOf(workload).flatMap((container) => [
        ...Object.keys(configOf(workload, container)),
        ...(container.env ?? []).map(({ name }) => name),
        ...(container.env ?? []).flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.key ?? []),
      ]),
    );
    expect(keys.length).toBeGreaterThan(10);
    // Settings of an SDK of OpenTelemetry are its own.
    expect([...new Set(keys)].filter((key) => !settings.has(key) && !key.startsWith('OTEL_'))).toEqual([]);
    const config = manifests.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('tasker-config'),
    );
    expect(Object.keys(config?.data ?? {}).filter((key) => !settings.has(key))).toEqual([]);
  });

  test('its configuration is one that the processes accept', () => {
    for (const workload of running) {
      const role = workload.labels['app.kubernetes.io/component'] as 'worker' | 'scheduler' | 'api';
      const env = { DATABASE_URL: 'postgres://x@y/z', ...configOf(workload) };
      const config = loadConfig(role, env);
      expect(config.metricsHost).toBe('0.0.0.0');
      expect(config.metricsPort).toBe(
        workload.pod.containers[0]?.ports?.find(({ name }) => name === 'metrics')?.containerPort,
      );
      if (role === 'worker') expect(config.workflows).not.toEqual([]);
    }
  });

  test('a pod has time to drain before it is killed', () => {
    for (const workload of running) {
      const { drainGraceSeconds } = loadConfig('worker', { DATABASE_URL: 'postgres://x@y/z', ...configOf(workload) });
      const preStop = workload.pod.containers[0]?.lifecycle?.preStop?.sleep?.seconds ?? 0;
      expect(preStop).toBeGreaterThan(0);
      expect(workload.pod.terminationGracePeriodSeconds, titleOf(workload.manifest)).toBeGreaterThanOrEqual(
        preStop + drainGraceSeconds + AFTER_DRAIN_SECONDS,
      );
    }
  });

  test('probes check progress, after waiting for the migrations', () => {
    for (const { pod, labels } of running) {
      const [main] = pod.containers;
      expect(main?.args).toEqual([labels['app.kubernetes.io/component']]);
      expect(main?.livenessProbe?.httpGet).toEqual({ path: '/livez', port: 'metrics' });
      expect(main?.startupProbe?.httpGet).toEqual({ path: '/livez', port: 'metrics' });
      expect(main?.readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'metrics' });
      expect(pod.initContainers?.map(({ args }) => args?.slice(0, 2))).toEqual([['migrate', 'wait']]);
      expect(pod.initContainers?.[0]?.image).toBe(main?.image);
      expect(pod.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey)).toContain('kubernetes.io/hostname');
      for (const { labelSelector } of pod.topologySpreadConstraints ?? [])
        expect(selects(labelSelector, labels)).toBe(true);
    }
  });

  test('every pod passes the restricted profile, has a read-only root, no token and no variables of Services', () => {
    expect(pods.length).toBeGreaterThanOrEqual(3);
    for (const workload of pods) {
      const { pod, manifest } = workload;
      const title = titleOf(manifest);
      expect(pod.automountServiceAccountToken, title).toBe(false);
      // A Service named tasker-metrics would set TASKER_METRICS_PORT.
      expect(pod.enableServiceLinks, title).toBe(false);
      expect(pod.securityContext, title).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      // OpenShift gives each namespace users of its own, and refuses a pod that names another one.
      if (overlay === 'variants/openshift')
        expect(Object.keys(pod.securityContext ?? {}), title).toEqual(['runAsNonRoot', 'seccompProfile']);
      else expect(pod.securityContext?.runAsUser, title).toBeGreaterThan(0);
      for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod[field], title).toBeUndefined();
      expect(pod.volumes?.filter((volume) => 'hostPath' in volume) ?? [], title).toEqual([]);
      for (const container of containersOf(workload)) {
        expect(container.securityContext, title).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.securityContext?.capabilities?.add, title).toBeUndefined();
        expect(container.resources?.requests, title).toMatchObject({
          cpu: expect.anything(),
          memory: expect.anything(),
        });
        expect(container.resources?.limits, title).toHaveProperty('memory');
      }
    }
    const namespace = manifests.find(({ kind }) => kind === 'Namespace');
    expect(namespace?.metadata.labels).toHaveProperty(['pod-security.kubernetes.io/enforce'], 'restricted');
  });

  test('what is referred to by name exists', () => {
    for (const workload of pods) {
      const { pod, manifest } = workload;
      const title = titleOf(manifest);
      if (ofFleet(workload) && manifest.kind !== 'CronJob') {
        expect(find(manifests, 'ServiceAccount', pod.serviceAccountName ?? ''), title).toMatchObject({
          automountServiceAccountToken: false,
        });
      }
      if (pod.priorityClassName !== undefined)
        expect(find(manifests, 'PriorityClass', pod.priorityClassName)).toBeDefined();
      const maps = [
        ...(pod.volumes ?? []).flatMap(({ configMap }) => configMap?.name ?? []),
        ...containersOf(workload).flatMap(({ envFrom }) =>
          (envFrom ?? []).flatMap(({ configMapRef }) => configMapRef?.name ?? []),
        ),
      ];
      for (const name of maps) expect(find(manifests, 'ConfigMap', name), `${title} ${name}`).toBeDefined();
      for (const { secret } of pod.volumes ?? [])
        if (secret !== undefined) expect(Object.keys(GIVEN_SECRETS), title).toContain(secret.secretName);
      for (const { env } of containersOf(workload)) {
        for (const { valueFrom } of env ?? []) {
          const ref = valueFrom?.secretKeyRef;
          if (ref === undefined) continue;
          const inManifests = find(manifests, 'Secret', ref.name);
          const keys = inManifests === undefined ? GIVEN_SECRETS[ref.name] : Object.keys(inManifests.data ?? {});
          expect(keys, `${title} ${ref.name}`).toBeDefined();
          if (ref.optional !== true) expect(keys, `${title} ${ref.name}`).toContain(ref.key);
        }
      }
      for (const { volumeMounts } of containersOf(workload))
        for (const { name } of volumeMounts ?? []) {
          const claims = (manifest.spec as { volumeClaimTemplates?: { metadata: { name: string } }[] })
            .volumeClaimTemplates;
          const volumes = [
            ...(pod.volumes ?? []).map((volume) => volume.name),
            ...(claims ?? []).map((claim) => claim.metadata.name),
          ];
          expect(volumes, title).toContain(name);
        }
    }
  });

  test('every selector picks the pods that it is for, and no two Deployments the same ones', () => {
    for (const manifest of manifests) {
      const spec = manifest.spec as { selector?: object; podSelector?: object } | undefined;
      const selector =
        manifest.kind === 'Service'
          ? { matchLabels: spec?.selector as Record<string, string> }
          : manifest.kind === 'NetworkPolicy'
            ? spec?.podSelector
            : ['PodDisruptionBudget', 'Deployment', 'StatefulSet'].includes(manifest.kind)
              ? spec?.selector
              : undefined;
      if (selector === undefined) continue;
      const picked = pods.filter(({ labels }) => selects(selector, labels)).map((each) => titleOf(each.manifest));
      expect(picked, `${titleOf(manifest)} picks nothing`).not.toEqual([]);
      if (manifest.kind === 'Deployment') expect(picked).toEqual([titleOf(manifest)]);
    }
  });

  test('every kind of pod that serves has a budget for disruptions, and metrics a Service', () => {
    const budgets = manifests.filter(({ kind }) => kind === 'PodDisruptionBudget');
    const services = manifests.filter(({ kind }) => kind === 'Service');
    for (const { labels, manifest } of running) {
      const covered = budgets.filter(({ spec }) => selects((spec as { selector: object }).selector, labels));
      expect(covered.map(titleOf), titleOf(manifest)).toHaveLength(1);
      const scraped = services.filter(({ spec }) => {
        const { selector, ports } = spec as {
          selector: Record<string, string>;
          ports: { name: string; port: number }[];
        };
        return (
          selects({ matchLabels: selector }, labels) &&
          ports.some(({ name, port }) => name === 'metrics' && port === 9464)
        );
      });
      expect(scraped.map(titleOf), titleOf(manifest)).toHaveLength(1);
    }
  });

  test('nothing is reached but by name: default deny both ways, the database open to the whole fleet', () => {
    const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy');
    expect(find(policies, 'NetworkPolicy', 'default-deny')?.spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    });
    for (const { labels, manifest } of fleet) {
      const ports = policies
        .filter(({ spec }) => selects((spec as { podSelector: object }).podSelector, labels))
        .flatMap(({ spec }) =>
          ((spec as { egress?: { ports?: { port: number }[] }[] }).egress ?? []).flatMap(
            ({ ports: open }) => open ?? [],
          ),
        )
        .map(({ port }) => port);
      expect(ports, titleOf(manifest)).toEqual(
        expect.arrayContaining([overlay === 'variants/openshift' ? 5353 : 53, 5432, 6432]),
      );
    }
  });
});
