import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { PermanentError } from '../../../src/errors.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';

const input = z.strictObject({ number: z.number() });
const define = (name: string) => defineWorkflow({ name, namespace: 'monitoring', input });

/** Two steps that succeed: the second is claimed by the completion of the first. */
export const fine = define('fine')
  .step('first', () => 1)
  .step('second', { dependsOn: ['first'] }, () => 2);

export const flaky = define('flaky').step('fails_once', ({ attempt }) => {
  if (attempt === 1) throw new Error('the first time always fails');
});

export const broken = define('broken').step('fails', () => {
  throw new PermanentError('this one fails for good');
});

/** Unresponsive: neither its time limit nor its signal ends it. */
export const deaf = define('deaf').step('does_not_listen', { timeoutSeconds: 1, retryLimit: 1 }, async () => {
  await sleep(4000);
});

/** Runs until its worker crashes or drains. */
export const long = define('long').step('runs', { timeoutSeconds: 300 }, async ({ signal }) => {
  await sleep(200_000, undefined, { signal });
});

/** No worker serves its queue. */
export const parked = define('parked').step('waits', { queue: 'nowhere' }, () => 1);
