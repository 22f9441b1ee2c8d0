import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { manyWaiters } from '../reads/waiters.ts';

const engine = await useEngine();
const job = defineWorkflow({ name: 'job', input: z.unknown() }).step('only', () => 'done');

it('ten thousand waiters of one client cost the database 20 statements a second at most', async () => {
  expect(await manyWaiters(engine, await engine.workflow(job), 10_000)).toBeLessThanOrEqual(20);
}, 60_000);
