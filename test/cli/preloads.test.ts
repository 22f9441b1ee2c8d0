import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { useProcesses } from '../support/processes.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const processes = useProcesses();

it('a worker starts and keeps its lease under a preload that fails in threads', async () => {
  const preload = join(await scratchFolder(), 'preload.cjs');
  await writeFile(preload, "if (!require('node:worker_threads').isMainThread) throw new Error('main thread only');\n");
  const worker = processes.start('src/cli/main.ts', {
    args: ['worker', '--workflows', 'test/cli/cli-workflows.ts'],
    env: {
      DATABASE_URL: test.url,
      TASKER_METRICS_PORT: '0',
      NODE_OPTIONS: `--require ${preload} --max-old-space-size=300`,
    },
  });
  const [line] = await worker.waitForLine(/.*worker started.*/);
  const { worker_id: id } = JSON.parse(line) as { worker_id: string };
  expect(worker.lines.join('\n')).toContain('main thread only');
  const lease = async (): Promise<number> =>
    (
      (await test.query(
        'SELECT extract(epoch FROM lease_expires_at)::float8 AS ends FROM tasker.tasker_workers WHERE worker_id = $1',
        [id],
      )) as [{ ends: number }]
    )[0].ends;
  const first = await lease();
  await expect.poll(lease, { timeout: 10_000 }).toBeGreaterThan(first);
  expect(await worker.kill()).toEqual({ code: 0, signal: null });
}, 30_000);
