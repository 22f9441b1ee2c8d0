import { expect, test } from 'vitest';
import { useProcesses } from '../../support/processes.ts';
import { useTestDatabase } from '../../support/test-database.ts';

const database = await useTestDatabase();
const processes = useProcesses();

test('the example prints one order as one trace, as its guide shows it', async () => {
  const example = processes.start('examples/tracing/start.ts', { env: { DATABASE_URL: database.url } });
  expect(await example.exited).toEqual({ code: 0, signal: null });
  const output = example.lines.join('\n');
  // The time of each span differs.
  const tree = output.replaceAll(/\(\d+\.\d ms/g, '(');
  expect(tree).toMatch(/^task \d+: complete$/m);
  expect(tree).toMatch(/^POST \/orders {2}\(\)\n {2}send shop\/order {2}\(\)$/m);
  expect(tree).toMatch(/^task shop\/order {2}\(; linked to send shop\/order\)\n {2}run shop\/order/m);
  // What the completion before it did not claim in time, a poll has.
  expect(tree).toMatch(/^ {2}step pay {2}\(; failed: Error(?:; linked to receive default)?\)\n {4}POST \/charges/m);
  expect(tree).toMatch(/^ {2}step pay {2}\(; linked to receive default, step pay\)\n {4}POST \/charges/m);
  expect(tree).toMatch(/^ {2}step ship {2}\((?:; linked to receive default)?\)\n {4}POST \/parcels/m);
});
