import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import type { RunStats } from '../../src/reads/run-stats.ts';
import type { Size } from '../../src/scaling/size.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { runStatsOf } from '../engine/run-stats-fixture.ts';

const engine = await useEngine();
const { countAll, reset } = runStatsOf(engine);

/** Runs a command in this process. */
async function tasker(...args: string[]): Promise<string> {
  vi.stubEnv('DATABASE_URL', engine.test.url);
  const lines: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((text: string) => void lines.push(text));
  try {
    await createProgram(() => undefined).parseAsync(['node', 'tasker', ...args]);
  } finally {
    log.mockRestore();
    vi.unstubAllEnvs();
  }
  return lines.join('\n');
}

describe('tasker stats', () => {
  beforeAll(reset);

  it('says that nothing is counted before a scheduler counts', async () => {
    expect(await tasker('stats')).toBe('nothing is counted yet: a scheduler of this version counts (tasker scheduler)');
  });

  it('shows runs, failures and times by workflow, with steps of one, and by hour', async () => {
    const workflow = await engine.workflow(diamond);
    const worker = await engine.worker();
    await countAll();
    expect(await tasker('stats')).toMatch(/^nothing ended from .* to .*, up to which it is counted$/);
    await engine.submitOne(workflow);
    await engine.submitOne(workflow);
    const [one, other] = await worker.claimTwo();
    await worker.complete([one]);
    await worker.fail(other, { permanent: true });
    await countAll();

    const all = await tasker('stats', '--since', '90d');
    expect(all).toMatch(/^WORKFLOW +RUNS +FAILED +RETRIES +WAITED p50 +p95 +RAN p50 +p95\n/);
    expect(all).toMatch(/^default\/diamond +1 +1 \(100 %\) +0 /m);
    expect(all).not.toMatch(/^ +a /m);
    expect(await tasker('stats', '-w', 'diamond')).toMatch(/^ {2}a +2 +1 \(50 %\) +0 /m);
    expect(await tasker('stats', '--steps')).toMatch(/^ {2}a +2 /m);
    const hours = await tasker('stats', '-w', 'default/diamond', '--by-hour');
    expect(hours).toMatch(/ \(not over\) +\S+ +default\/diamond +1 /);

    const json = JSON.parse(await tasker('stats', '--json')) as RunStats;
    expect(json.rows).toMatchObject([{ workflow: 'diamond', step: null, runs: 1, failures: 1 }]);
    expect(json).toHaveProperty('countedUntil');
    expect(json.rows[0]?.running_p50).toBeLessThan(60);
    const note = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    expect(await tasker('stats', '-w', 'diamnd')).toMatch(/^nothing ended/);
    expect(note.mock.calls).toEqual([
      ['tasker: no workflow default/diamnd is registered: did you mean "default/diamond"?'],
    ]);
    note.mockRestore();
  });

  it.each([
    [['--by-hour'], '--by-hour is given without --workflow: name one, such as -w shop/orders'],
    [['--since', 'yesterday'], '--since is "yesterday"'],
    [['-w', 'a/b/c'], '--workflow is "a/b/c": give namespace/name, such as shop/orders'],
  ])('refuses %s', async (args, message) => {
    await expect(tasker('stats', ...args)).rejects.toThrow(message);
  });
});

describe('tasker size', () => {
  const sizeOf = async (...args: string[]) =>
    (JSON.parse(await tasker('size', '--json', ...args)) as { size: Size }).size;

  it('shows disk and WAL of a load, for a step, a day and what is kept', async () => {
    const drawn = await tasker('size', '--steps-per-day', '1000000', '--keep', '30d');
    expect(drawn).toMatch(
      /^ +A STEP +A DAY +KEPT +AT MOST\ndisk +\S+ kB +\S+ GB +\S+ GB +\S+ GB\nWAL +\S+ kB +\S+ GB *\n/,
    );
  });

  it('grows with the days, the steps and the bytes', async () => {
    const month = await sizeOf('--steps-per-day', '1000000', '--keep', '30d');
    // As keep policies write it; a number alone was three seconds.
    expect(await sizeOf('--steps-per-day', '1000000', '--keep', '1y')).toEqual(
      await sizeOf('--steps-per-day', '1000000', '--keep', '365d'),
    );
    await expect(sizeOf('--steps-per-day', '1000000', '--keep', '3')).rejects.toThrow(
      '--keep is "3": give a number with s, m, h, d, w or y behind it, such as 30d or 1y',
    );
    expect(month.diskBytes).toBeCloseTo(30 * month.diskBytesPerDay, 0);
    expect((await sizeOf('--steps-per-day', '2000000', '--keep', '30d')).diskBytes).toBeCloseTo(2 * month.diskBytes, 0);
    expect((await sizeOf('--steps-per-day', '1000000', '--keep', '15d')).diskBytes).toBeCloseTo(month.diskBytes / 2, 0);
    // History that is not dropped yet: of at most all tasks that are kept, and of at most one partition.
    expect(month.diskBytesAtMost - month.diskBytes).toBe(1_000_000 * (535 + 5 * 650));
    const few = await sizeOf('--steps-per-day', '5000', '--keep', '30d');
    expect(few.diskBytesAtMost - few.diskBytes).toBe(30_000 * (535 + 5 * 650));
    const larger = await sizeOf('--steps-per-day', '1000000', '--keep', '30d', '--result-bytes', '2000');
    expect(larger.diskBytesPerStep).toBeGreaterThan(month.diskBytesPerStep + 1800);
    expect(larger.walBytesPerStep).toBeGreaterThan(month.walBytesPerStep + 1800);
    // A task of one step carries the whole of its task.
    const single = await sizeOf('--steps-per-day', '1000000', '--keep', '30d', '--steps-per-task', '1');
    expect(single.diskBytesPerStep).toBeGreaterThan(month.diskBytesPerStep);
  });

  it.each([
    [['--steps-per-day', '0', '--keep', '30d'], '--steps-per-day is "0"'],
    [['--steps-per-day', '1e6', '--keep', '30d'], '--steps-per-day is "1e6"'],
    [['--steps-per-day', '1000', '--keep', 'long'], '--keep is "long"'],
    [['--steps-per-day', '1000', '--keep', '30d', '--steps-per-task', '70000'], '--steps-per-task is "70000"'],
  ])('refuses %s', async (args, message) => {
    await expect(tasker('size', ...args)).rejects.toThrow(message);
  });
});
