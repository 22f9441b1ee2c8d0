import { once } from 'node:events';
import { expect, it } from 'vitest';
import { EarlyThread, startThreadEarly } from '../../src/membership/early-thread.ts';
import { Worker } from 'node:worker_threads';

it('a thread that was started early belongs to whoever takes it first', async () => {
  const early = await startThreadEarly();
  const thread = early?.take();
  expect(thread).toBeInstanceOf(Worker);
  expect(early?.take()).toBe(undefined);
  // It has an owner: this ends nothing.
  early?.end();
  expect(thread?.listenerCount('error')).toBe(0);
  await thread?.terminate();
});

it('one that nobody took is ended, and one that died by itself is not handed out', async () => {
  const left = new Worker('setInterval(() => undefined, 1000)', { eval: true });
  new EarlyThread(left).end();
  await once(left, 'exit');
  const dying = new Worker('throw new Error("a preload that fails in threads")', { eval: true });
  const early = new EarlyThread(dying);
  await new Promise((resolve) => dying.once('exit', resolve));
  expect(early.take()).toBe(undefined);
});
