import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

const report = (namespace: string, version: string) =>
  defineWorkflow({ namespace, name: 'report', version, input: z.object({ day: z.string().default('today') }) }).step(
    'a',
    () => 1,
  );

// In the order of their names the last is the oldest.
export const current = report('hb', '2.0.0').schedule({
  key: 'in-code',
  cron: '15 4 * * *',
  input: {},
  makeUp: 'last',
  makeUpWindowSeconds: 86_400,
});
export const legacy = report('hb', '1.0.0');
export const other = defineWorkflow({ namespace: 'other', name: 'mail', input: z.unknown() }).step('a', () => 1);
export const another = defineWorkflow({ namespace: 'another', name: 'mail', input: z.unknown() }).step('a', () => 1);
