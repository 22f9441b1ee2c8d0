import { expect, it } from 'vitest';
import { useProcesses } from '../support/processes.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const workflows = ['--workflows', 'test/cli/leaking-workflows.ts'];
const sdk = new URL('../support/register-sdk.ts', import.meta.url).href;
const env = {
  DATABASE_URL: test.url,
  TASKER_METRICS_PORT: '0',
  TASKER_ABORT_GRACE_MS: '200',
  NODE_OPTIONS: `--import ${sdk}`,
};

it('leaks, errors and logs of a step harm no other step, and the log shows its origin', async () => {
  const worker = processes.start('src/cli/main.ts', { args: ['worker', ...workflows], env });
  await worker.waitForLine(/worker started/);
  const submitted = processes.start('src/cli/main.ts', { args: ['submit', 'leaks', ...workflows, '--wait'], env });
  expect((await submitted.exited).code).toBe(1);
  const steps = await test.query<{
    name: string;
    state: string;
    attempts: number;
    results: unknown;
    error: string | null;
  }>(
    `SELECT n.name, s.state, s.attempts, s.results, (
        SELECT t.metadata -> 'error' ->> 'message' FROM tasker.tasker_workflow_step_transitions t
        WHERE t.workflow_step_id = s.workflow_step_id AND t.to_state = 'error'
      ) AS error
     FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_named_steps n USING (named_step_id)`,
  );
  const complete = (results: unknown) => ({ state: 'complete', attempts: 1, results, error: null });
  const failed = (error: string) => ({
    state: 'error',
    attempts: 1,
    results: null,
    error: expect.stringContaining(error),
  });
  expect(Object.fromEntries(steps.map(({ name, ...rest }) => [name, rest]))).toEqual({
    neighbour: complete({ done: true }),
    after_neighbour: complete({ done: true }),
    rejects_later: complete('complete all the same'),
    rejects_meanwhile: failed('rejected meanwhile'),
    chdir: failed('process.chdir(/), which is for the whole process and all its steps: use absolute paths'),
    patches_json: complete(null),
    beside_broken_json: complete({ input: {}, raw: '{}' }),
    fails_beside_broken_json: failed('an ordinary error'),
    throws_a_revoked_proxy: failed('an object'),
    logs: complete(null),
    deaf: failed('ran longer than its timeout of 1 s'),
  });

  const lines = worker.lines
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const lineOf = (step: string, message: string) =>
    lines.find((line) => line['step'] === step && String(line['message']).includes(message));
  expect(lineOf('rejects_later', 'it had ended before')).toMatchObject({
    workflow: 'leaks',
    attempt: 1,
    error: { message: 'rejected after the end' },
  });
  expect(lineOf('rejects_meanwhile', 'its attempt fails with that')).toMatchObject({ namespace: 'default' });
  expect(lineOf('rejects_meanwhile', 'step failed for good')).toMatchObject({
    error_message: 'rejected meanwhile',
    error_stack: expect.stringContaining('leaking-workflows.ts'),
  });
  expect(lineOf('logs', 'odd fields')).toMatchObject({
    namespace: 'default',
    workflow: 'leaks',
    url: 'http://user:[redacted]@host/x',
    response: '[Response]',
    signal: '[AbortSignal]',
  });
  expect(lineOf('logs', 'own fields')).toMatchObject({
    level: 'info',
    workflow: 'leaks',
    field_level: 'mine',
    field_task_id: 'mine',
    field_step: 'mine',
    field_pid: 1,
  });

  // In a program with an SDK each of these lines leads to the trace of its task.
  const [{ trace_id: traceId } = {}] = await test.query<{ trace_id?: string }>(
    `SELECT split_part(trace_context, '-', 2) AS trace_id FROM tasker.tasker_tasks`,
  );
  expect(traceId).toMatch(/^[0-9a-f]{32}$/);
  for (const [step, message] of [
    ['rejects_later', 'it had ended before'],
    ['rejects_meanwhile', 'its attempt fails with that'],
    ['rejects_meanwhile', 'step failed for good'],
    ['deaf', 'a handler did not stop when its step timed out'],
    ['logs', 'odd fields'],
  ] as const)
    expect(lineOf(step, message), `${step}: ${message}`).toMatchObject({
      trace_id: traceId,
      span_id: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
  expect(await worker.kill('SIGTERM')).toMatchObject({ code: 0 });
}, 40_000);
