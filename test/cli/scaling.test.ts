import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { svgChart } from '../../src/cli/charts/svg-chart.ts';
import { terminalChart } from '../../src/cli/charts/terminal-chart.ts';
import { thin } from '../../src/cli/charts/series.ts';
import { useProcesses } from '../support/processes.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const folder = mkdtempSync(join(tmpdir(), 'scaling-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function tasker(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const started = processes.start('src/cli/main.ts', { args, env: { DATABASE_URL: test.url, ...env } });
  const { code } = await started.exited;
  return { code, output: started.lines.join('\n') };
}

describe('tasker scale-simulate', () => {
  it('draws a load in the terminal and into an SVG file, without a database', async () => {
    const svg = join(folder, 'stuck.svg');
    const { code, output } = await tasker(['scale-simulate', '--profile', 'stuck', '--svg', svg], { DATABASE_URL: '' });
    expect(code).toBe(0);
    expect(output).toContain('workers (desired, replicas)');
    expect(output).toMatch(/held: stalled, unclaimed +20 min, /);
    const drawn = readFileSync(svg, 'utf8');
    expect(drawn).toMatch(/^<svg xmlns=.*<\/svg>\n$/s);
    expect(drawn.match(/<path /g)).toHaveLength(4);
    expect(drawn).not.toContain('NaN');
  });

  it('replays a profile from a file, and shows what is wrong with one', async () => {
    const good = join(folder, 'load.yaml');
    writeFileSync(
      good,
      'name: mine\ndurationSeconds: 600\nstepSeconds: 1\narrivals:\n  - { at: 0, perSecond: 5 }\nbursts:\n  - { at: 60, steps: 100 }\n',
    );
    const replayed = await tasker(['scale-simulate', '-p', good, '--slots', '10', '--limit', '3', '--json']);
    expect(JSON.parse(replayed.output)).toMatchObject({
      profile: 'mine',
      arrived: 3100,
      peakReplicas: 3,
      settings: { limit: 3, fleet: { slots: 10 } },
    });
    const bad = join(folder, 'bad.yaml');
    writeFileSync(bad, 'name: x\ndurationSeconds: 5\nstepSeconds: 1\nrate: 3\noutages:\n  - { from: 9, to: 3 }\n');
    const refused = await tasker(['scale-simulate', '-p', bad]);
    expect(refused.code).toBe(2);
    expect(refused.output).toContain('durationSeconds');
    expect(refused.output).toContain('"rate"');
    expect((await tasker(['scale-simulate', '--limit', 'many'])).output).toContain('--limit is "many"');
  });
});

describe('tasker doctor --connections', () => {
  const connections = (args: string[], env: Record<string, string> = {}) => tasker(['doctor', '-c', ...args], env);

  it('shows what the fleet may open, and how many workers fit', async () => {
    const fits = await connections(['--workers', '2', '--schedulers', '2', '--json']);
    expect(fits.code).toBe(0);
    const report = JSON.parse(fits.output) as { max_connections: number; reserved_by_server: number };
    expect(report).toMatchObject({ committed: 38, problems: [], budget: { perWorker: 8, perScheduler: 11 } });
    const left = report.max_connections - report.reserved_by_server - 10 - 22;
    const most = Math.floor(left / 8);
    expect((await connections(['--workers', String(most), '--schedulers', '2'])).code).toBe(0);
    const over = await connections(['--workers', String(most + 1), '--schedulers', '2']);
    expect(over.code).toBe(1);
    expect(over.output).toContain(`at most ${most} workers fit`);
  });

  it('counts a pooler once, and its clients', async () => {
    const pooled = await connections(['--workers', '50', '--schedulers', '1'], {
      TASKER_POOLED: 'true',
      TASKER_POOLER_CONNECTIONS: '30',
    });
    expect(pooled.code).toBe(0);
    expect(pooled.output).toMatch(/clients of the pooler \(its max_client_conn\) +361/);
    expect(pooled.output).toContain('any number');
  });
});

describe('the charts', () => {
  it('keep every peak when they leave points out', () => {
    const points = Array.from({ length: 1000 }, (_, index) => [index, index === 777 ? 5 : 0] as const);
    const kept = thin(points, 50);
    expect(kept).toHaveLength(50);
    expect(kept.find(([, value]) => value === 5)).toEqual([777, 5]);
  });

  it('draw a load that never happened, and names with characters that SVG takes for its own', () => {
    const panels = [{ title: 'a < b & "c"', series: [{ name: 'nothing', points: [] }] }];
    expect(svgChart('<none>', panels)).toContain('a &lt; b &amp; &quot;c&quot;');
    const flat = [{ title: 'flat', series: [{ name: 'zero', points: [[0, 0] as const, [60, 0] as const] }] }];
    expect(svgChart('flat', flat)).not.toContain('NaN');
    expect(terminalChart(flat)).toContain('flat');
  });
});
