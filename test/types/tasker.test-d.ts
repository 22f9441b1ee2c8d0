/* oxlint-disable vitest/expect-expect -- the compiler makes the assertions: @ts-expect-error fails if there is no error */
import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import {
  type Client,
  createLogger,
  defineWorkflow,
  type Drained,
  type SchedulerProcess,
  startTasker,
  type TaskerOptions,
  type WorkerProcess,
} from '../../src/index.ts';

const hello = defineWorkflow({ name: 'hello', input: z.object({ name: z.string() }) }).step(
  'greet',
  ({ input }) => `hello ${input.name}`,
);

test('one program has a client whose results are those of its workflows', async () => {
  const tasker = await startTasker({ workflows: [hello], migrate: true });
  expectTypeOf(tasker.client).toEqualTypeOf<Client>();
  expectTypeOf(tasker.worker).toEqualTypeOf<WorkerProcess>();
  expectTypeOf(tasker.scheduler).toEqualTypeOf<SchedulerProcess | undefined>();
  const task = await tasker.client.submitAndWait(hello, { name: 'you' });
  if (task.state === 'complete') expectTypeOf(task.results.greet).toBeString();
  expectTypeOf(tasker.stop()).toEqualTypeOf<Promise<Drained>>();
});

test('its options are workflows, what else runs, and settings of the catalogue', () => {
  void startTasker({
    workflows: hello,
    url: process.env['DATABASE_URL'],
    settings: { slots: 100, queues: ['default', 'mails'], logLevel: 'info', notify: false },
    log: createLogger({ role: 'shop' }),
    scheduler: false,
    applySchedules: true,
    signal: AbortSignal.timeout(1000),
  });
  // @ts-expect-error the workflows are missing
  expectTypeOf({}).toExtend<TaskerOptions>();
  // @ts-expect-error no setting
  void startTasker({ workflows: hello, settings: { slot: 100 } });
  // @ts-expect-error not a workflow
  void startTasker({ workflows: ['hello'] });
});
