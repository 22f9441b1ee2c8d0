import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const command = `"${process.execPath}" src/cli/main.ts scale-simulate --profile diurnal --slots 20 --json`;

it('what is printed into a pipe is whole, although a pipe takes 64 KiB at once', async () => {
  // The reader begins when the command has printed all that it has to say.
  const { stdout } = await run('bash', ['-c', `set -o pipefail; ${command} | { read -r first; echo "$first"; cat; }`], {
    maxBuffer: 1e8,
  });
  expect(stdout.length).toBeGreaterThan(2 * 65_536);
  expect(JSON.parse(stdout)).toMatchObject({ samples: expect.any(Array) as unknown[] });
});

it('a reader that goes away ends the command without a stack', async () => {
  const { stdout, stderr } = await run('bash', ['-c', `${command} | head -c 2`], { maxBuffer: 1e8 });
  expect([stdout.length, stderr]).toEqual([2, '']);
});
