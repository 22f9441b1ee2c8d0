import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { waitFor } from '../support/wait-for.ts';
import { useWorkers } from './worker-fixture.ts';

const fleet = await useWorkers();
const client = createClient({
  url: fleet.test.url,
  preparedStatements: fleet.test.directUrl !== undefined,
  notify: false,
});
afterAll(() => client.close());

it('a child receives the recorded result of its parent, and not that of an attempt of this worker whose claim was lost', async () => {
  const gates = { left: Promise.withResolvers<undefined>(), right: Promise.withResolvers<undefined>() };
  const began = new Set<string>();
  const received: unknown[] = [];
  const definition = defineWorkflow({ name: 'lost_results', input: z.unknown() })
    .step('left', async () => {
      began.add('left');
      await gates.left.promise;
      return 'of the attempt that was lost';
    })
    .step('right', async () => {
      began.add('right');
      await gates.right.promise;
    })
    .step('both', { dependsOn: ['left', 'right'] }, ({ parents }) => void received.push(parents.left));
  await fleet.start([definition], { fusedClaims: true });
  const { taskId } = await client.submit(definition, {});
  await waitFor(() => began.size === 2, { what: 'both handlers run' });
  // In one transaction, so that no worker claims it in between.
  const operator = await fleet.test.pool.connect();
  try {
    await operator.query('BEGIN');
    await client.releaseStep(taskId, 'left', { force: true, transaction: operator });
    await client.resolveStep(taskId, 'left', { result: 'by hand', transaction: operator });
    await operator.query('COMMIT');
  } finally {
    operator.release();
  }
  gates.left.resolve(undefined);
  await gates.left.promise;
  gates.right.resolve(undefined);
  await fleet.taskIn(taskId, ['complete']);
  expect(received).toEqual(['by hand']);
});
