import { beforeEach, expect, it, vi } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';

const done = vi.hoisted((): string[] => []);
vi.mock('../../src/cli/heap-growth.ts', () => ({ boundHeapGrowth: () => done.push('bound') }));
vi.mock('../../src/config/load-config.ts', async (original) => ({
  ...(await original<object>()),
  loadConfig: (role: string) => {
    done.push(`config of a ${role}`);
    throw new Error('far enough');
  },
}));
beforeEach(() => {
  done.length = 0;
});

const run = (...args: string[]) => createProgram(() => undefined).parseAsync(['node', 'tasker', ...args]);

it.each(['worker', 'scheduler'])('a %s bounds the growth of its heap before anything else', async (role) => {
  await expect(run(role)).rejects.toThrow('far enough');
  expect(done).toEqual(['bound', `config of a ${role}`]);
});

it('a command that ends does not', async () => {
  await run('doctor').catch(() => undefined);
  expect(done).not.toContain('bound');
});
