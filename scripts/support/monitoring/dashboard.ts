import { METRICS, type MetricDefinition } from '../../../src/metrics/catalogue.ts';
import { ALERTS } from './alerts.ts';

/** A Grafana dashboard: the most important panels first, then every metric of the catalogue in a row by its subject. */
export interface Dashboard extends Record<string, unknown> {
  panels: Panel[];
}

interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
  datasource: typeof DATASOURCE;
}

export interface Panel extends Record<string, unknown> {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Target[];
}

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const WIDTH = 24;
const PANEL_WIDTH = 8;
const PANEL_HEIGHT = 7;

interface Draft {
  title: string;
  description?: string;
  unit: string;
  targets: readonly (readonly [expr: string, legend: string])[];
}

/** Rows by subject; a metric is in the first that fits. */
const ROWS: readonly (readonly [title: string, fits: (metric: MetricDefinition) => boolean])[] = [
  ['Database', ({ name }) => /^tasker_(database|table|index|connection|statement|pool)_/.test(name)],
  ['Scaling', ({ name }) => /^tasker_(queue_|desired|wanted|scaling|max_workers|fleet_)/.test(name)],
  ['Scheduler', ({ roles }) => roles.length === 1 && roles[0] === 'scheduler'],
  ['Workers', ({ roles }) => roles.length === 1 && roles[0] === 'worker'],
  ['Processes', () => true],
];

const OVERVIEW: readonly Draft[] = [
  { title: 'Ready steps', unit: 'short', targets: [['tasker:ready_steps:max', '{{queue}}']] },
  { title: 'Oldest ready step', unit: 's', targets: [['tasker:oldest_ready_seconds:max', '{{queue}}']] },
  {
    title: 'Start latency, 95th percentile',
    unit: 's',
    targets: [['tasker:start_latency_seconds:p95_5m', '{{queue}}']],
  },
  { title: 'Attempts per second', unit: 'ops', targets: [['tasker:attempts:rate_5m', '{{workflow}}/{{step}}']] },
  {
    title: 'Share of attempts that fail',
    unit: 'percentunit',
    targets: [['tasker:failure_ratio:5m', '{{workflow}}/{{step}}']],
  },
  {
    title: 'Workers: desired and live',
    unit: 'short',
    targets: [
      ['tasker:desired_replicas:max', 'desired {{queue}}'],
      [`max by (queue) (${METRICS.queueWorkers.name})`, 'live {{queue}}'],
    ],
  },
  { title: 'Claims, 99th percentile', unit: 's', targets: [['tasker:claim_seconds:p99_5m', 'p99']] },
  { title: 'Connections in use', unit: 'percentunit', targets: [['tasker:connections_used:ratio', 'used']] },
];

export function dashboard(): Dashboard {
  const panels: Panel[] = [];
  let y = 0;
  const add = (panel: Omit<Panel, 'id'>): void => {
    panels.push({ id: panels.length + 1, ...panel } as Panel);
  };
  const addRow = (title: string, drafts: readonly Draft[]): void => {
    add({ type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: WIDTH, h: 1 }, panels: [] });
    y += 1;
    for (const [index, draft] of drafts.entries()) {
      const column = index % (WIDTH / PANEL_WIDTH);
      if (index > 0 && column === 0) y += PANEL_HEIGHT;
      add(timeSeries(draft, column * PANEL_WIDTH, y));
    }
    y += PANEL_HEIGHT;
  };

  addRow('Overview', OVERVIEW);
  const metrics = Object.values(METRICS) as MetricDefinition[];
  for (const [title] of ROWS) {
    addRow(title, metrics.filter((metric) => rowOf(metric) === title).map(draftOf));
  }
  return {
    uid: 'tasker-fleet',
    title: 'Tasker Fleet',
    description: 'Generated from the metric catalogue by npm run monitoring.',
    tags: ['tasker-fleet'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' }] },
    annotations: {
      list: [
        {
          name: 'Alerts',
          enable: true,
          iconColor: 'red',
          datasource: DATASOURCE,
          expr: `max by (alertname, severity) (ALERTS{alertname=~"${ALERTS.map(({ name }) => name).join('|')}",alertstate="firing"})`,
          titleFormat: '{{alertname}}',
        },
      ],
    },
    panels,
  };
}

const rowOf = (metric: MetricDefinition): string => ROWS.find(([, fits]) => fits(metric))?.[0] as string;

function draftOf({ name, type, help, labels, roles }: MetricDefinition): Draft {
  // Every process reports its role; if several roles report a metric, the label distinguishes them.
  const by = roles.length > 1 ? [...labels, 'role'] : labels;
  const legend = by.length === 0 ? name : by.map((label) => `{{${label}}}`).join(' ');
  const grouped = (aggregate: string): string => (by.length === 0 ? aggregate : `${aggregate} by (${by.join(', ')}) `);
  const common = { title: name, description: help };
  if (type === 'counter') {
    return { ...common, unit: 'ops', targets: [[`${grouped('sum')}(rate(${name}[$__rate_interval]))`, legend]] };
  }
  if (type === 'histogram') {
    const buckets = `sum by (${[...by, 'le'].join(', ')}) (rate(${name}_bucket[$__rate_interval]))`;
    const targets = [0.5, 0.99].map(
      (share) =>
        [
          `histogram_quantile(${share}, ${buckets})`,
          `p${share * 100} ${by.length === 0 ? '' : legend}`.trim(),
        ] as const,
    );
    return { ...common, unit: name.endsWith('_seconds') ? 's' : 'short', targets };
  }
  return { ...common, unit: unitOf(name), targets: [[`${grouped('max')}(${name})`, legend]] };
}

function unitOf(name: string): string {
  if (name.endsWith('_seconds')) return 's';
  if (name.endsWith('_bytes')) return 'bytes';
  if (name.endsWith('_ratio')) return 'percentunit';
  if (name.endsWith('_per_second')) return 'ops';
  return 'short';
}

function timeSeries({ title, description, unit, targets }: Draft, x: number, y: number): Omit<Panel, 'id'> {
  return {
    type: 'timeseries',
    title,
    ...(description === undefined ? {} : { description }),
    datasource: DATASOURCE,
    gridPos: { x, y, w: PANEL_WIDTH, h: PANEL_HEIGHT },
    fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 8, showPoints: 'never' } }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: targets.map(([expr, legendFormat], index) => ({
      refId: String.fromCodePoint(65 + index),
      expr,
      legendFormat,
      datasource: DATASOURCE,
    })),
  };
}
