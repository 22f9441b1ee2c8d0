import { Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { METRICS, type MetricDefinition } from '../../src/metrics/catalogue.ts';
import { Metrics } from '../../src/metrics/registry.ts';

const definitions = Object.values(METRICS) as MetricDefinition[];

describe('the metric catalogue', () => {
  it.each(definitions.map((definition) => [definition.name, definition] as const))(
    '%s keeps Prometheus’ rules',
    (name, definition) => {
      expect(name).toMatch(/^tasker_[a-z][a-z0-9_]*[a-z0-9]$/);
      expect(definition.help.length).toBeGreaterThan(15);
      expect(name.endsWith('_total')).toBe(definition.type === 'counter');
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|kilobytes|count|sum|bucket)$/);
      if (definition.type === 'histogram') {
        const buckets = definition.buckets ?? [];
        expect(buckets.length).toBeGreaterThan(3);
        expect([...buckets].toSorted((a, b) => a - b)).toEqual([...buckets]);
      }
      for (const label of definition.labels) expect(label).toMatch(/^[a-z][a-z_]*$/);
    },
  );

  it('names every metric once', () => {
    expect(new Set(definitions.map((definition) => definition.name)).size).toBe(definitions.length);
  });
});

describe('a process’s metrics', () => {
  it('counts, sets and observes by the names of the catalogue', async () => {
    const metrics = new Metrics('worker');
    metrics.count('claims', { queue: 'default', fused: 'false' }, 2);
    metrics.set('busySlots', {}, 3);
    metrics.observe('readyToStart', { queue: 'default' }, 0.02);
    const text = await metrics.registry.metrics();
    expect(text).toContain('tasker_claims_total{queue="default",fused="false",role="worker"} 2');
    expect(text).toContain('tasker_busy_slots{role="worker"} 3');
    expect(text).toMatch(/tasker_ready_to_start_seconds_count\{.*queue="default".*\} 1/);
  });

  it('counts under kept labels no less and no more, however often it is read', async () => {
    const metrics = new Metrics('worker');
    const line = async (): Promise<string | undefined> =>
      (await metrics.registry.metrics()).split('\n').find((text) => text.startsWith('tasker_claims_total{'));
    const kept = Object.freeze({ queue: 'default', fused: 'true' });
    metrics.count('claims', kept);
    metrics.count('claims', kept, 2);
    // The same series, by labels that are not kept.
    metrics.count('claims', { queue: 'default', fused: 'true' });
    expect(await line()).toBe('tasker_claims_total{queue="default",fused="true",role="worker"} 4');
    expect(await line()).toBe('tasker_claims_total{queue="default",fused="true",role="worker"} 4');
    metrics.count('claims', kept);
    expect(await line()).toBe('tasker_claims_total{queue="default",fused="true",role="worker"} 5');
  });

  it('exposes of what it observed what prom-client’s own histogram does', async () => {
    const metrics = new Metrics('worker');
    const { name, help, labels, buckets } = METRICS.readyToStart as MetricDefinition;
    const registry = new Registry();
    registry.setDefaultLabels({ role: 'worker' });
    const theirs = new Histogram({
      name,
      help,
      labelNames: [...labels],
      buckets: [...(buckets ?? [])],
      registers: [registry],
    });
    const lines = async (of: Registry): Promise<string[]> =>
      (await of.metrics())
        .split('\n')
        .filter((line) => line.includes(name))
        .map((line) => {
          const [, metric, inner, value] = /^(\w+)\{(.*)\} (.*)$/.exec(line) ?? [];
          return inner === undefined ? line : `${metric} ${inner.split(',').sort().join()} ${value}`;
        });
    const kept = [Object.freeze({ queue: 'default' }), Object.freeze({ queue: 'slow' })] as const;
    const values = [0, ...(buckets ?? []), ...(buckets ?? []).map((bound) => bound * 1.01), 1e9];
    for (let round = 0; round < 2; round += 1) {
      for (const [index, value] of values.entries()) {
        // Kept or not, it is the same series.
        const of = kept[index % 2] as (typeof kept)[number];
        metrics.observe('readyToStart', index % 3 === 0 ? { ...of } : of, value);
        theirs.observe(of, value);
      }
      // Read in between: what comes later is added to it.
      expect(await lines(metrics.registry)).toEqual(await lines(registry));
    }
    expect(await lines(metrics.registry)).toHaveLength(2 + 2 * ((buckets ?? []).length + 3));
    const json = (from: Registry) => from.getMetricsAsJSON().then((all) => all.find((metric) => metric.name === name));
    expect(await json(metrics.registry)).toMatchObject({ type: 'histogram', aggregator: 'sum' });
    expect((await json(metrics.registry))?.values).toHaveLength((await json(registry))?.values.length ?? 0);
  });

  it('exposes a histogram without labels before it has observed anything, and refuses what is no number', async () => {
    const metrics = new Metrics('worker');
    expect(await metrics.registry.metrics()).toContain('tasker_flush_duration_seconds_count{role="worker"} 0');
    expect(() => metrics.observe('flushSeconds', {}, Number.NaN)).toThrow('cannot be observed');
    expect(await metrics.registry.metrics()).toContain('tasker_flush_duration_seconds_sum{role="worker"} 0');
  });

  it('reports only what its role has', async () => {
    const text = await new Metrics('scheduler').registry.metrics();
    expect(text).toContain('tasker_ready_steps');
    expect(text).not.toContain('tasker_busy_slots');
  });

  it('folds label values past 200 into other', async () => {
    const metrics = new Metrics('worker');
    for (let index = 0; index < 1000; index += 1) metrics.count('claims', { queue: `queue ${index}`, fused: 'false' });
    const lines = (await metrics.registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('tasker_claims_total{'));
    expect(lines).toHaveLength(201);
    expect(lines.find((line) => line.includes('queue="other"'))).toMatch(/ 800$/);
  });
});
