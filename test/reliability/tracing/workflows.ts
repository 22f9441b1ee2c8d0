import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { z } from 'zod';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';

const tracer = trace.getTracer('handlers');
const folder = process.env['TRACED_FOLDER'] ?? '';

/** True once for each name, in whichever process. */
function isFirst(name: string): boolean {
  const file = join(folder, name);
  if (existsSync(file)) return false;
  writeFileSync(file, '');
  return true;
}

const call = async (name: string): Promise<string> =>
  tracer.startActiveSpan(name, (span) => {
    span.end();
    return name;
  });

/** Eight steps, of which one is killed, one drained, one fails three times, and one runs while the database is away. */
export const eventful = defineWorkflow({
  namespace: 'traced',
  name: 'eventful',
  identity: 'unique',
  input: z.object({ eventful: z.boolean() }),
})
  .step('start', () => call('called by start'))
  .step('killed', { dependsOn: ['start'] }, async ({ input }) => {
    if (input.eventful && isFirst('killed')) await new Promise(() => undefined);
    return call('called by killed');
  })
  .step('drained', { dependsOn: ['killed'] }, async ({ input, signal }) => {
    if (input.eventful && isFirst('drained'))
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    return call('called by drained');
  })
  .step('failing', { dependsOn: ['drained'], retryLimit: 4, backoff: { initialSeconds: 0.1 } }, async ({ input }) => {
    for (const time of ['1', '2', '3'])
      if (input.eventful && isFirst(`failure ${time}`)) throw new RangeError('not yet');
    return call('called by failing');
  })
  .step('cut_off', { dependsOn: ['failing'] }, async ({ input }) => {
    if (input.eventful && isFirst('cut_off')) await sleep(1500);
    return call('called by cut off');
  })
  .step('left', { dependsOn: ['cut_off'] }, () => call('called by left'))
  .step('right', { dependsOn: ['cut_off'] }, () => call('called by right'))
  .step('end', { dependsOn: ['left', 'right'] }, () => call('called by end'));
