import { describe, expect, it } from 'vitest';
import { METRICS, type MetricDefinition, Metrics } from '../../src/metrics/index.ts';

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
    // The same series, by labels that nobody keeps.
    metrics.count('claims', { queue: 'default', fused: 'true' });
    expect(await line()).toBe('tasker_claims_total{queue="default",fused="true",role="worker"} 4');
    expect(await line()).toBe('tasker_claims_total{queue="default",fused="true",role="worker"} 4');
    metrics.count('claims', kept);
    expect(await line()).toBe('tasker_claims_total{queue="default",fused="true",role="worker"} 5');
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
