import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ALERTS } from '../../scripts/support/monitoring/alerts.ts';
import { dashboard } from '../../scripts/support/monitoring/dashboard.ts';
import { dashboardExpressions } from './dashboard-expressions.ts';
import { prometheusRule, ruleGroups } from '../../scripts/support/monitoring/rule-file.ts';
import { RECORDING_RULES } from '../../scripts/support/monitoring/rules.ts';
import { METRICS, type MetricDefinition } from '../../src/metrics/catalogue.ts';
import { whyMissing } from '../support/debian-tool.ts';

const missing = whyMissing('promtool', 'prometheus');
const folder = mkdtempSync(join(tmpdir(), 'rules-'));
afterAll(() => rmSync(folder, { recursive: true }));

const runbooks = fileURLToPath(new URL('../../docs/operations/runbooks', import.meta.url));
const definitions = Object.values(METRICS) as MetricDefinition[];
const expressions = [
  ...RECORDING_RULES.map(({ record, expr }) => ({ title: record, expr })),
  ...ALERTS.map(({ name, expr }) => ({ title: name, expr })),
  ...dashboardExpressions(),
];

function promtool(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

/** A promtool test of one alert: its series, and the alert that is expected (or none). */
function testOf(alert: (typeof ALERTS)[number], series: (typeof ALERTS)[number]['test']['fires'], fires: boolean) {
  return {
    interval: '1m',
    name: `${alert.name} ${fires ? 'fires' : 'stays silent'}`,
    input_series: series,
    alert_rule_test: [
      {
        eval_time: alert.test.at,
        alertname: alert.name,
        exp_alerts: fires ? [{ exp_labels: { ...alert.test.labels, severity: alert.severity } }] : [],
      },
    ],
  };
}

function runTests(
  tests: unknown[],
  groups: unknown = ruleGroups({ annotations: false }),
): { status: number | null; output: string } {
  writeFileSync(join(folder, 'rules.yaml'), stringify(groups));
  writeFileSync(
    join(folder, 'tests.yaml'),
    stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }),
  );
  return promtool('test', 'rules', 'tests.yaml');
}

describe.skipIf(missing !== undefined)(`the rules${missing === undefined ? '' : ` (${missing})`}`, () => {
  it('load, texts included', () => {
    writeFileSync(join(folder, 'all.yaml'), stringify(ruleGroups()));
    const { status, output } = promtool('check', 'rules', 'all.yaml');
    expect(output).toContain(`${ALERTS.length + RECORDING_RULES.length} rules found`);
    expect(status).toBe(0);
  });

  it('fire where they should, and stay silent where they should, each alert once', () => {
    const tests = ALERTS.flatMap((alert) => [
      testOf(alert, alert.test.fires, true),
      testOf(alert, alert.test.silent, false),
    ]);
    expect(runTests(tests)).toMatchObject({ status: 0, output: expect.stringContaining('SUCCESS') as string });
  });

  it('would be found out if an alert never fired, or always did', () => {
    const [alert] = ALERTS;
    if (alert === undefined) throw new Error('there is no alert');
    expect(runTests([testOf(alert, alert.test.silent, true)]).status).toBe(1);
    expect(runTests([testOf(alert, alert.test.fires, false)]).status).toBe(1);
  });
});

describe('the alerts', () => {
  it('have a runbook each, and each runbook an alert', () => {
    const files = readdirSync(runbooks).filter((file) => file !== 'README.md');
    expect(files.toSorted()).toEqual(ALERTS.map(({ name }) => `${name}.md`).toSorted());
  });

  it.each(ALERTS.map((alert) => [alert.name, alert] as const))(
    '%s: its runbook explains it, and what to do',
    (name) => {
      const text = readFileSync(join(runbooks, `${name}.md`), 'utf8');
      expect(text.startsWith(`# ${name}\n`)).toBe(true);
      for (const section of ['## What it means', '## Look', '## Do']) expect(text).toContain(`\n${section}\n`);
    },
  );

  it('name the parts of their expressions that return something on a living fleet', () => {
    for (const { name, expr, data } of ALERTS) {
      expect(data.length, name).toBeGreaterThan(0);
      for (const part of data) expect(expr, name).toContain(part);
    }
  });

  it('are listed in the guide, each once', () => {
    const guide = readFileSync(join(runbooks, '../monitoring.md'), 'utf8');
    const listed = [...guide.matchAll(/\(runbooks\/(\w+)\.md\)/g)].map(([, name]) => name);
    expect(listed.toSorted()).toEqual(ALERTS.map(({ name }) => name).toSorted());
  });

  it('are all named once', () => {
    expect(new Set(ALERTS.map(({ name }) => name)).size).toBe(ALERTS.length);
  });
});

describe('rules and dashboard', () => {
  it('use metrics of the catalogue, and recorded series that exist', () => {
    const names = new Set(
      definitions.flatMap(({ name, type }) => (type === 'histogram' ? [`${name}_bucket`] : [name])),
    );
    const recorded = new Set(RECORDING_RULES.map(({ record }) => record));
    for (const { title, expr } of expressions) {
      const withoutLabels = expr.replaceAll(/"[^"]*"/g, '""');
      for (const [name] of withoutLabels.matchAll(/\btasker_[a-z_]+/g))
        expect(names, `${title}: ${expr}`).toContain(name);
      for (const [name] of withoutLabels.matchAll(/\btasker:[a-z0-9_:]+/g)) expect(recorded, title).toContain(name);
    }
  });

  it('leave no metric of the catalogue out of the dashboard', () => {
    const shown = dashboardExpressions()
      .map(({ expr }) => expr)
      .join('\n');
    for (const { name } of definitions) expect(shown).toMatch(new RegExp(`\\b${name}(_bucket)?\\b`));
  });

  it('lay every panel in a place of its own', () => {
    const { panels } = dashboard();
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { gridPos, title } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken, title).not.toContain(`${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });

  it('are the same for the operator and for a plain server', () => {
    expect(prometheusRule()['spec']).toEqual(ruleGroups());
  });
});
