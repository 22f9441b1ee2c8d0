import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { Database } from '../../src/db/connections/database.ts';
import { Membership } from '../../src/membership/membership.ts';
import { Claimer } from '../../src/worker/claiming/claimer.ts';
import { Pauses } from '../../src/worker/scope/pauses.ts';
import { waitFor } from '../support/wait-for.ts';
import { registryOf, scopeOf, testSettings } from './scope-fixture.ts';
import { useWorkers } from './worker-fixture.ts';

const fleet = await useWorkers();
const client = createClient({
  url: fleet.test.url,
  preparedStatements: fleet.test.directUrl !== undefined,
  notify: false,
});
afterAll(() => client.close());

/** A step that ends when the test opens its gate, and how often each step began. */
function gated() {
  const began: string[] = [];
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const workflow = (name: string) =>
    defineWorkflow({ name, input: z.unknown() })
      .step('first', async () => {
        began.push(`${name} first`);
        await gate;
      })
      .step('second', { dependsOn: ['first'] }, () => void began.push(`${name} second`));
  return { began, open: () => open(), workflow };
}

/** Heartbeats of these workers are 50 ms apart: the pause is noticed by then. */
const noticed = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400));

describe('a worker', () => {
  it('claims nothing of a paused queue, also not by completions, lets what runs end, and goes on after the resume', async () => {
    const { began, open, workflow } = gated();
    const definition = workflow('by_queue');
    await fleet.start([definition], { heartbeatIntervalMs: 50 });
    const running = await fleet.submit(definition);
    await waitFor(() => began.length === 1, { what: 'the first step to run' });
    expect(await client.pause({ queue: 'default' }, { reason: 'a test' })).toMatchObject({ outcome: 'paused' });
    await noticed();
    const waiting = await fleet.submit(definition);
    open();
    // The step that ran is complete; its child is ready and not taken.
    await waitFor(async () => (await client.getTask(running))?.steps[0]?.state === 'complete', { what: 'its end' });
    await noticed();
    expect(began).toEqual(['by_queue first']);
    expect((await client.getTask(running))?.steps[1]).toMatchObject({ state: 'pending', ready: true });
    expect((await client.queues())[0]).toMatchObject({ queue: 'default', ready: 2, paused: { reason: 'a test' } });
    await client.resume({ queue: 'default' });
    expect(await fleet.taskIn(running, ['complete'])).toBe('complete');
    expect(await fleet.taskIn(waiting, ['complete'])).toBe('complete');
  });

  it('leaves out the steps of a paused workflow, goes on with the others of the queue, and by itself after the end of the pause', async () => {
    const { began, open, workflow } = gated();
    const [paused, other] = [workflow('paused'), workflow('other')];
    open();
    await fleet.start([paused, other], { heartbeatIntervalMs: 50 });
    await client.pause({ workflow: 'paused' }, { forSeconds: 2 });
    await noticed();
    const waits = await fleet.submit(paused);
    expect(await fleet.taskIn(await fleet.submit(other), ['complete'])).toBe('complete');
    expect(began).toEqual(['other first', 'other second']);
    expect(await fleet.taskIn(waits, ['complete'])).toBe('complete');
  });

  it('that starts during a pause claims nothing before its first heartbeat either', async () => {
    const { began, open, workflow } = gated();
    const definition = workflow('paused_before');
    open();
    await client.register(definition);
    await client.pause({ queue: 'default' });
    const taskId = (await client.submit(definition, {})).taskId;
    await fleet.start([definition], { heartbeatIntervalMs: 50 });
    await noticed();
    expect(began).toEqual([]);
    await client.resume({ queue: 'default' });
    expect(await fleet.taskIn(taskId, ['complete'])).toBe('complete');
  });
});

it('a process joins with what is paused at that moment, whatever it has read before', async () => {
  const seen: unknown[] = [];
  const membership: Membership = new Membership({
    db: fleet.db,
    settings: { ...testSettings, databaseUrl: fleet.test.url, databaseUrlDirect: undefined },
    process: { role: 'worker', name: 'late', version: '0', queues: ['default'], slots: 1 },
    prepare: async () => ({ known: { installationId: null, workflows: [] }, joined: () => undefined }),
    onPauses: (pauses) => seen.push([membership.lease.current, pauses]),
    onLeaseLost: () => undefined,
    onError: (what, error) => expect.fail(`${what} ${String(error)}`),
  });
  await client.pause({ queue: 'default' });
  try {
    await membership.start();
    // Without a lease nothing is claimed.
    expect(seen[0]).toEqual([undefined, '[["queue", "default", null]]']);
  } finally {
    await client.resume({ queue: 'default' });
    await membership.stop({ deregister: true });
  }
});

it('a queue that is paused while the claim of another one is under way is not claimed after it', async () => {
  const asked: string[] = [];
  let rounds = 0;
  const db = {
    plans: 'pinned',
    run: async (_: unknown, { queue }: { queue: string }) => {
      asked.push(queue);
      scope.pauses.read('[["queue", "second", null]]');
      return [];
    },
  } as unknown as Database;
  const scope = scopeOf({ db, settings: { queues: ['first', 'second'], pollIntervalMs: 5, maxPollIntervalMs: 5 } });
  const claimer = new Claimer(scope, {
    intake: { accept: ({ reserved }) => scope.slots.unreserve(reserved) },
    completer: { backlog: 0 },
    idleCheck: { anyReady: async () => true },
    onRound: () => (rounds += 1),
  });
  claimer.start();
  try {
    await waitFor(() => rounds > 3, { what: 'some rounds' });
  } finally {
    await claimer.stop();
  }
  expect(new Set(asked)).toEqual(new Set(['first']));
});

describe('what a worker may claim', () => {
  const handlers = registryOf(1);
  const queues = ['a', 'b', 'a~quarantine'];
  const bounds = {
    ranges: [
      { queue: 'a', priority: 1 },
      { queue: 'b', priority: 2 },
    ] as never,
    leastUrgent: [1, 2, 3],
  };

  it('is what it was given while nothing is paused', () => {
    const pauses = new Pauses(handlers, () => expect.fail('nothing changed'));
    pauses.read(null);
    expect(pauses.openQueues(queues)).toBe(queues);
    expect(pauses.openChain(queues, bounds).chainBounds).toBe(bounds);
    expect(pauses.openWorkflows).toEqual([1]);
  });

  it('leaves a paused queue out with its quarantine and its bounds', () => {
    let changes = 0;
    const pauses = new Pauses(handlers, () => (changes += 1));
    pauses.read('[["queue", "a", null]]');
    pauses.read('[["queue", "a", null]]');
    expect(changes).toBe(1);
    expect(pauses.openChain(queues, bounds)).toEqual({
      queues: ['b'],
      namedTaskIds: [1],
      chainBounds: { ranges: [{ queue: 'b', priority: 2 }], leastUrgent: [2] },
    });
    pauses.read(null);
    expect(changes).toBe(2);
    expect(pauses.openQueues(queues)).toBe(queues);
  });
});
