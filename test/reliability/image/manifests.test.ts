import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { kubectlUnavailable, type Manifest, render } from '../../kubernetes/kustomize.ts';
import { type PodSpec, workloads } from '../../kubernetes/pods.ts';
import { freePort } from '../../support/free-port.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { waitFor } from '../../support/wait-for.ts';
import { buildImage, containersUnavailable, IMAGE, podman } from './podman.ts';

const unavailable = containersUnavailable() ?? kubectlUnavailable();
if (unavailable !== undefined) console.log(`the manifests are not run: ${unavailable}`);

const database = await useTestDatabase({ empty: true });

describe.skipIf(unavailable !== undefined)('the pods of overlay dev, on podman', () => {
  beforeAll(async () => {
    await buildImage();
  }, 600_000);

  test('wait for the migrations, start, and run the workflow of the ConfigMap', async () => {
    const { id } = inject('testRun');
    const folder = await scratchFolder();
    const manifests = render('dev');
    const secret = `tasker-database-${id}`;
    const started: string[] = [];
    onTestFinished(async () => {
      // The first call may remove the containers of a pod and not yet the pod.
      const remove = ['pod', 'rm', '--force', '--ignore', '--time=0', ...started];
      await waitFor(async () => (await podman(...remove)).status === 0, {
        what: 'the pods to be removed',
        timeoutMs: 30_000,
      });
      await podman('secret', 'rm', secret);
    });

    // podman 4 reads a Secret of Kubernetes as the JSON of its `data`.
    const data = { DATABASE_URL: Buffer.from(database.url).toString('base64') };
    await writeFile(`${folder}/secret.json`, JSON.stringify(data), { mode: 0o600 });
    expect(await podman('secret', 'create', secret, `${folder}/secret.json`)).toMatchObject({ status: 0 });
    const configMaps = manifests.filter(({ kind }) => kind === 'ConfigMap');

    /** Runs the pod of one workload as in the manifests, except for what must differ on this machine. */
    const play = async (kind: string, name: string): Promise<string> => {
      const found = workloads(manifests).find(
        ({ manifest }) => manifest.kind === kind && manifest.metadata.name === name,
      );
      const pod = structuredClone(found?.pod) as PodSpec;
      // The network of the host: the pod must reach the loopback address, and must not listen beyond it.
      pod['hostNetwork'] = true;
      pod['restartPolicy'] = 'Never';
      const port = String(await freePort());
      for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
        container.image = IMAGE;
        // podman would call the probes by curl, which the image does not contain.
        delete container.livenessProbe;
        delete container.readinessProbe;
        delete container.startupProbe;
        // In the network of the host there are no ports to map.
        delete container.ports;
        for (const { valueFrom } of container.env ?? []) {
          if (valueFrom?.secretKeyRef !== undefined) valueFrom.secretKeyRef.name = secret;
        }
      }
      const title = `${name}-${id}`;
      // podman has one volume of a name for all pods, and two pods that begin at once cannot both make it.
      const ofPod = (volume: string): string => `${volume}-${title}`;
      for (const volume of pod.volumes ?? []) if (volume.emptyDir !== undefined) volume.name = ofPod(volume.name);
      const own = new Set(pod.volumes?.map((volume) => volume.name));
      for (const { volumeMounts = [] } of [...(pod.initContainers ?? []), ...pod.containers])
        for (const mount of volumeMounts) if (own.has(ofPod(mount.name))) mount.name = ofPod(mount.name);
      const manifest: Manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: title }, spec: pod };
      // Set in the ConfigMap, because podman prefers it to `env`; Kubernetes prefers `env`.
      const configured = configMaps.map((map) => {
        if (!map.metadata.name.startsWith('tasker-config')) return map;
        return { ...map, data: { ...map.data, TASKER_METRICS_HOST: '127.0.0.1', TASKER_METRICS_PORT: port } };
      });
      const documents = [...configured, manifest].map((document) => `---\n${stringify(document)}`);
      await writeFile(`${folder}/${name}.yaml`, documents.join(''));
      started.push(title);
      const played = await podman('kube', 'play', `${folder}/${name}.yaml`);
      if (played.status !== 0) throw new Error(`${name} does not start: ${played.stdout}${played.stderr}`);
      return `http://127.0.0.1:${port}`;
    };

    // `podman kube play` waits for the pod's init container, and that waits for the Job, which starts last.
    const waiting = Promise.all([play('Deployment', 'tasker-worker'), play('Deployment', 'tasker-scheduler')]);
    let refused: unknown;
    waiting.catch((error: unknown) => (refused = error));
    const initLogs = async (): Promise<string> =>
      (await podman('logs', `tasker-worker-${id}-wait-for-migrations`)).stdout;
    await waitFor(async () => refused !== undefined || (await initLogs()).includes('waiting: migrations are pending'), {
      what: 'the worker to wait for its migrations',
      timeoutMs: 60_000,
      intervalMs: 200,
    });
    if (refused !== undefined) throw refused;
    await play('Job', 'tasker-migrate');
    const urls = await waiting;
    for (const [role, url] of Object.entries({ worker: urls[0], scheduler: urls[1] })) {
      await waitFor(async () => (await fetch(`${url}/readyz`)).ok, {
        what: `${role} to be ready`,
        timeoutMs: 30_000,
        intervalMs: 100,
      }).catch(async (error: Error) => {
        const { stdout, stderr } = await podman('logs', `tasker-${role}-${id}-${role}`);
        throw new Error(`${error.message}\nits output:\n${stdout}${stderr}`);
      });
    }

    const worker = `tasker-worker-${id}-worker`;
    const submit = ['tasker', 'submit', 'dev/hello', '--workflows', 'workflows/hello.js', '--input', '{"name":"you"}'];
    expect(await podman('exec', worker, ...submit, '--wait', '--json')).toMatchObject({ status: 0 });
    const [step] = await database.query<{ results: unknown }>(
      'SELECT results FROM tasker.tasker_workflow_steps ORDER BY workflow_step_id DESC LIMIT 1',
    );
    expect(step?.results).toEqual({ shouted: 'HELLO, YOU' });

    // The processes run with the restrictions of the manifests.
    const probe = `
      const status = require('fs').readFileSync('/proc/self/status', 'utf8');
      const denied = (path) => { try { require('fs').writeFileSync(path, ''); return false; } catch (error) { return error.code; } };
      console.log(JSON.stringify({
        uid: process.getuid(), caps: /CapEff:\\s*(\\w+)/.exec(status)[1], privileges: /NoNewPrivs:\\s*(\\d)/.exec(status)[1],
        root: denied('/app/x'), tmp: denied('/tmp/x'), bounded: process.constrainedMemory() <= 512 * 1024 * 1024, drain: process.env.TASKER_DRAIN_GRACE_SECONDS }))`;
    const { stdout } = await podman('exec', worker, 'node', '-e', probe);
    expect(JSON.parse(stdout)).toEqual({
      uid: 10_001,
      caps: '0000000000000000',
      privileges: '1',
      root: 'EROFS',
      tmp: false,
      bounded: true,
      drain: '45',
    });
  });
});
