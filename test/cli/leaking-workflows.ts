import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

const once = { retryLimit: 1 };

/** Steps that do to their process what only they should suffer from, and one that runs beside them. */
export const leaks = defineWorkflow({ name: 'leaks', input: z.unknown() })
  .step('neighbour', once, async () => {
    await sleep(1500);
    return { done: true };
  })
  .step('after_neighbour', { dependsOn: ['neighbour'] }, ({ parents }) => parents.neighbour)
  .step('rejects_later', once, () => {
    void sleep(900).then(() => Promise.reject(new Error('rejected after the end')));
    return 'complete all the same';
  })
  .step('rejects_meanwhile', once, async () => {
    void sleep(800).then(() => Promise.reject(new Error('rejected meanwhile')));
    await sleep(1400);
  })
  .step('chdir', once, () => process.chdir('/'))
  .step('patches_json', once, () => {
    const { parse, stringify } = JSON;
    const broken = () => {
      throw new Error('JSON is broken');
    };
    Object.assign(JSON, { parse: broken, stringify: broken });
    // oxlint-disable-next-line promise/prefer-await-to-then
    void sleep(600).then(() => Object.assign(JSON, { parse, stringify }));
  })
  .step('beside_broken_json', once, async ({ input, raw, log }) => {
    await sleep(200);
    log.info({ written: 'or not' }, 'the step goes on');
    return { input, raw: raw.input };
  })
  .step('fails_beside_broken_json', once, async () => {
    await sleep(250);
    throw new Error('an ordinary error');
  })
  .step('deaf', { ...once, timeoutSeconds: 1 }, () => new Promise<null>(() => undefined))
  .step('throws_a_revoked_proxy', once, () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    throw proxy;
  })
  .step('logs', once, async ({ log, signal }) => {
    await sleep(800);
    log.info(
      { url: new URL('http://user:hunter2@host/x'), signal, response: new Response('x'), bytes: Buffer.from('x') },
      'odd fields',
    );
    log.info({ level: 'mine', time: 1, task_id: 'mine', step: 'mine', pid: 1, workflow: 'mine' }, 'own fields');
  });
