import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ReceivedSpan, startReceiver, type Receiver } from '../../../examples/tracing/receiver.ts';
import { migrateToLatest } from '../../../src/db/migrate.ts';
import { createDatabase } from '../../../src/embedded/databases.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/embedded/start.ts';
import { freePort } from '../../support/free-port.ts';
import { type TestProcess, useProcesses } from '../../support/processes.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { waitFor } from '../../support/wait-for.ts';
import { eventful } from './workflows.ts';

const processes = useProcesses();
const settings = { fsync: 'off', full_page_writes: 'off' };
const register = pathToFileURL(resolve('examples/tracing/register.ts')).href;
const workflows = 'test/reliability/tracing/workflows.ts';

let receiver: Receiver;
let server: EmbeddedPostgres;
let dataDir: string;
let url: string;
let env: Record<string, string>;

beforeAll(async () => {
  dataDir = join(await scratchFolder(), 'postgres');
  [receiver, server] = await Promise.all([startReceiver(), startEmbeddedPostgres({ dataDir, settings })]);
  url = await createDatabase(server.url(), 'fleet');
  await migrateToLatest(url);
  env = {
    DATABASE_URL: url,
    NODE_OPTIONS: `--import ${register}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '50',
    TRACED_FOLDER: await scratchFolder(),
    TASKER_RETRY_SWEEP_MS: '100',
    TASKER_DRAIN_GRACE_SECONDS: '1',
  };
});
afterAll(async () => {
  await receiver.close();
  await server.stop('immediate');
});

const start = (args: string[], more: Record<string, string> = {}): TestProcess =>
  processes.start('src/cli/main.ts', { args, env: { ...env, ...more } });
const startWorker = (): TestProcess =>
  start(['worker', '--workflows', workflows, '--metrics-port', '0'], { TASKER_MAX_POLL_INTERVAL_MS: '200' });

/** Runs one statement on a connection of its own, because the server is stopped now and then. */
async function query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'test traces' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row & Record<string, unknown>>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Waits until a worker runs this step, and returns the worker's process. */
async function runs(step: string, workers: readonly TestProcess[]): Promise<TestProcess> {
  let pid = 0;
  await waitFor(
    async () => {
      const [row] = await query<{ name: string }>(
        `SELECT w.name FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_named_steps n USING (named_step_id)
         JOIN tasker.tasker_workers w ON w.worker_id = s.claimed_by WHERE n.name = $1 AND s.in_process`,
        [step],
      );
      pid = Number(row?.name.split(':').at(-1) ?? 0);
      return pid !== 0;
    },
    { what: `a worker to run ${step}`, timeoutMs: 120_000 },
  );
  return workers.find((worker) => worker.pid === pid) as TestProcess;
}

async function submit(port: number, input: object, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ namespace: eventful.namespace, workflow: eventful.name, input }),
  });
  expect(response.status).toBe(201);
  return ((await response.json()) as { task_id: string }).task_id;
}

const complete = (taskId: string): Promise<unknown> =>
  waitFor(
    async () =>
      (await query<{ state: string }>('SELECT state FROM tasker.tasker_tasks WHERE task_id = $1', [taskId]))[0]
        ?.state === 'complete',
    { what: 'the end of the task', timeoutMs: 180_000 },
  );

test('a request, a killed worker, a drained one, failures and a restart of the database are one trace, with each attempt once', async () => {
  const port = await freePort();
  const scheduler = start(['scheduler', '--metrics-port', '0']);
  const workers = [startWorker(), startWorker()];
  const api = start(['api', '--port', String(port)], { TASKER_METRICS_PORT: '0' });
  await Promise.all([scheduler, api, ...workers].map((one) => one.waitForLine(/(scheduler|api|worker) started/)));

  // Whoever sends the request is not of this fleet: it exports its own span.
  const request = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
  const taskId = await submit(port, { eventful: true }, { traceparent: `00-${request.traceId}-${request.spanId}-01` });

  const killed = await runs('killed', workers);
  // What a process has not exported when it is killed is lost.
  await waitFor(() => receiver.spans.some(({ name }) => name === 'step start'), { what: 'the span of the first step' });
  await killed.kill('SIGKILL');
  workers.push(startWorker());
  const drained = await runs('drained', workers);
  const drain = drained.kill('SIGTERM');
  workers.push(startWorker());
  await runs('cut_off', workers);
  await drain;
  await server.stop('fast');
  server = await startEmbeddedPostgres({ dataDir, port: Number(new URL(url).port), settings });
  await complete(taskId);

  // Processes send their spans in batches, in no order among each other.
  const spansOf = (name: string): ReceivedSpan[] =>
    receiver.spans.filter((span) => span.name === name).toSorted((one, other) => one.startMs - other.startMs);
  await waitFor(() => spansOf('run traced/eventful').length > 0, { what: 'the span of the whole task' });

  // Unsampled where it begins: nothing of it is sent, by whatever process.
  await Promise.all([scheduler, api, ...workers].map((one) => one.kill('SIGTERM')));
  const before = receiver.spans.length;
  const quiet = { OTEL_TRACES_SAMPLER_ARG: '0' };
  const [worker, submitting] = [
    startWorker(),
    start(['submit', 'traced/eventful', '--workflows', workflows, '--input', '{"eventful":false}'], quiet),
  ];
  await submitting.exited;
  const [unsampled] = await query<{ task_id: string; trace_context: string }>(
    'SELECT task_id, trace_context FROM tasker.tasker_tasks ORDER BY task_id DESC LIMIT 1',
  );
  expect(unsampled?.trace_context, submitting.lines.join('\n')).toMatch(/-00$/);
  await complete(unsampled?.task_id ?? '');
  await worker.kill('SIGTERM');
  expect(receiver.spans.slice(before)).toEqual([]);

  // One linked trace: request <- send <- task <- everything else.
  const [send, ...otherSends] = spansOf('send traced/eventful');
  const [task, ...otherTasks] = spansOf('task traced/eventful');
  expect([otherSends, otherTasks]).toEqual([[], []]);
  expect(send).toMatchObject({ traceId: request.traceId, parentSpanId: request.spanId });
  expect(task?.links).toMatchObject([{ spanId: send?.spanId }]);
  expect([
    ...new Set(
      receiver.spans.filter(({ name }) => /^(step|wait|backoff|run|called) /.test(name)).map(({ traceId }) => traceId),
    ),
  ]).toEqual([task?.traceId]);

  // No span has a parent that never came.
  const ids = new Set([request.spanId, ...receiver.spans.map(({ spanId }) => spanId)]);
  expect(receiver.spans.filter(({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId))).toEqual([]);

  // Each attempt of the history once, and no other.
  const history = await query<{ step: string; claim_id: string }>(
    `SELECT n.name AS step, t.claim_id FROM tasker.tasker_workflow_step_transitions t
     JOIN tasker.tasker_workflow_steps s ON s.task_id = t.task_id AND s.workflow_step_id = t.workflow_step_id
     JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
     WHERE t.task_id = $1 AND t.to_state = 'in_progress'`,
    [taskId],
  );
  const attempts = receiver.spans.filter(({ name }) => name.startsWith('step '));
  const keyOf = (step: unknown, claim: unknown): string => `${step as string} ${claim as string}`;
  expect(attempts.map(({ attributes: a }) => keyOf(a['tasker.step.name'], a['tasker.claim.id'])).toSorted()).toEqual(
    history.map(({ step, claim_id }) => keyOf(step, claim_id)).toSorted(),
  );

  const ends = (step: string): [unknown, unknown][] =>
    spansOf(`step ${step}`).map(({ attributes }) => [attributes['tasker.cause'], attributes['error.type']]);
  expect(ends('killed')).toEqual([
    ['lease_expired', 'lease_expired'],
    ['complete', undefined],
  ]);
  expect(spansOf('step killed')[0]?.attributes['tasker.worker.name']).toMatch(new RegExp(`:${killed.pid}$`));
  expect(ends('drained')).toEqual([
    ['released', undefined],
    ['complete', undefined],
  ]);
  expect(spansOf('step drained').map(({ failed }) => failed)).toEqual([false, false]);
  expect(ends('failing')).toEqual([
    ...Array.from({ length: 3 }, () => ['fail', 'RangeError']),
    ['complete', undefined],
  ]);
  expect(spansOf('backoff failing')).toHaveLength(3);
  expect(ends('cut_off')).toEqual([['complete', undefined]]);
  expect(spansOf('run traced/eventful')).toHaveLength(1);
}, 120_000);
