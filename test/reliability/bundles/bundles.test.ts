import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test as it } from 'vitest';
import { installBuiltPackage } from '../../support/built-package.ts';
import { useProcesses } from '../../support/processes.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { useTestDatabase } from '../../support/test-database.ts';

/** A whole fleet in one program: migration, worker, scheduler and client. */
const program = `
import { createClient, createLogger, defineWorkflow, loadConfig, loadWorkflowYaml, migrateToLatest, startScheduler, startWorker } from 'tasker-fleet';
import { z } from 'zod';

const hello = defineWorkflow({ namespace: 'bundled', name: 'hello', input: z.object({}) }).step('greet', () => 'hello from a bundle');

const yaml = 'name: yaml\\nnamespace_name: bundled\\nversion: 0.1.0\\nstep_templates: [{ name: greet, handler_class: Greet }]';

async function main() {
  console.log('result', loadWorkflowYaml(yaml, { handlers: { Greet: () => 1 } }).name);
  const url = process.env['DATABASE_URL'] as string;
  await migrateToLatest(url);
  const worker = await startWorker({ config: loadConfig('worker'), workflows: [hello], log: createLogger({ level: 'info', role: 'worker' }) });
  const scheduler = await startScheduler({ config: loadConfig('scheduler'), log: createLogger({ level: 'info', role: 'scheduler' }) });
  const client = createClient({ url });
  const { taskId } = await client.submit(hello, {});
  const task = await client.waitForTask(taskId as string);
  console.log('result', JSON.stringify(task?.steps[0]?.results));
  await client.close();
  const ends = await Promise.all([worker.stop(), scheduler.stop()]);
  console.log('unfinished', JSON.stringify(ends.flatMap((end) => end.unfinished)));
}

void main();
`;

const databases = {
  program: { esm: await useTestDatabase({ empty: true }), cjs: await useTestDatabase({ empty: true }) },
  cli: { esm: await useTestDatabase({ empty: true }), cjs: await useTestDatabase({ empty: true }) },
};

describe('a program in one file', () => {
  let app: string;
  beforeAll(async () => {
    app = await installBuiltPackage();
    await writeFile(join(app, 'program.ts'), program);
  });
  const processes = useProcesses();

  /** Bundles a file into an otherwise empty folder. */
  async function bundle(entry: string, format: 'esm' | 'cjs'): Promise<string> {
    const folder = join(await scratchFolder(), 'alone');
    await mkdir(folder);
    const outfile = join(folder, format === 'esm' ? 'program.mjs' : 'program.cjs');
    await build({
      entryPoints: [entry],
      outfile,
      format,
      bundle: true,
      platform: 'node',
      target: 'node22',
      logLevel: 'error',
    });
    return outfile;
  }

  it.each(['esm', 'cjs'] as const)(
    'made by esbuild as %s migrates, starts a worker and a scheduler, runs a step and stops',
    async (format) => {
      const database = databases.program[format].url;
      const started = processes.start(await bundle(join(app, 'program.ts'), format), {
        cwd: '/',
        env: { DATABASE_URL: database, TASKER_METRICS_PORT: '0' },
      });
      await started.exited;
      expect(started.lines.filter((line) => /^(result|unfinished)|rror/.test(line))).toEqual([
        'result yaml',
        'result "hello from a bundle"',
        'unfinished []',
      ]);
      expect(await started.exited).toEqual({ code: 0, signal: null });
    },
    60_000,
  );

  it.each(['esm', 'cjs'] as const)('made of the command line as %s migrates', async (format) => {
    const database = databases.cli[format].url;
    const cli = await bundle(join(app, 'node_modules/tasker-fleet/dist/cli.js'), format);
    const up = processes.start(cli, { args: ['migrate', 'up'], cwd: '/', env: { DATABASE_URL: database } });
    expect(await up.exited).toEqual({ code: 0, signal: null });
    expect(up.lines[0]).toMatch(/^up +0001_seed_schema/);
    const status = processes.start(cli, {
      args: ['migrate', 'status', '--check'],
      cwd: '/',
      env: { DATABASE_URL: database },
    });
    expect(await status.exited).toEqual({ code: 0, signal: null });
  });
});
