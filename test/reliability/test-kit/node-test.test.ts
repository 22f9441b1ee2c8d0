import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const example = join(import.meta.dirname, '../../../examples/testing/checkout.node.test.ts');

test('the example for node:test passes, with an embedded server of its own', async () => {
  // Variables of vitest are not for another runner.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
  const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter', 'tap', example], {
    env,
  });
  expect(stdout).toMatch(/^# pass 5$/m);
  expect(stdout).toContain('step "mail" is not idempotent');
});
