import { expect, it } from 'vitest';
import { mergeOpenMetrics } from '../../src/metrics/open-metrics.ts';
import { Metrics } from '../../src/metrics/registry.ts';
import { recordEvents } from '../../src/worker/telemetry/record-events.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const labels = { namespace: 'shop', workflow: 'order', step: 'pay', queue: 'default' };

/** Metrics of a worker that has run one attempt of a task, sampled or not. */
function observed(exemplars: boolean, flags: '00' | '01'): Metrics {
  const metrics = new Metrics('worker', { exemplars });
  const events = recordEvents(
    metrics,
    {} as never,
    () => undefined,
    () => '7',
  );
  events.started(labels, { waitedSeconds: 0.003, attempt: 1 }, `00-${traceId}-00f067aa0ba902b7-${flags}`);
  events.finished(labels, {
    outcome: 'complete',
    seconds: 2,
    attempt: 1,
    taskId: '1',
    trace: flags === '01' ? { trace_id: traceId, span_id: '00f067aa0ba902b7' } : { trace_id: traceId },
  });
  return metrics;
}

it('a bucket has the trace of its last value, in OpenMetrics and not in the plain form', async () => {
  const metrics = observed(true, '01');
  const text = (await metrics.openMetrics()) ?? '';
  const exemplar = (metric: string): string | undefined =>
    text.split('\n').find((line) => line.startsWith(`${metric}_bucket`) && line.includes(' # '));
  expect(exemplar('tasker_ready_to_start_seconds')).toMatch(
    new RegExp(`queue="default".* 1 # \\{trace_id="${traceId}"\\} 0\\.003 \\d{10}(\\.\\d+)?$`),
  );
  expect(exemplar('tasker_step_duration_seconds')).toMatch(new RegExp(`step="pay".* # \\{trace_id="${traceId}"\\} 2 `));
  // Counters lose their suffix as families, and keep it as samples; the registry itself stays as it is.
  expect(text).toContain('# TYPE tasker_step_attempts counter\n');
  expect(text).toMatch(/^tasker_step_attempts_total\{.*outcome="complete".*role="worker"\} 1$/m);
  expect(text.endsWith('# EOF\n')).toBe(true);
  const plain = await metrics.registry.metrics();
  expect(plain).not.toContain(traceId);
  expect(plain).toContain('# TYPE tasker_step_attempts_total counter\n');
  expect(await metrics.openMetrics()).toContain('# TYPE tasker_step_attempts counter\n');
});

it('a task that is not sampled is no exemplar; and unless they are asked for, nothing is', async () => {
  expect(await observed(true, '00').openMetrics()).not.toContain(traceId);
  expect(await observed(false, '01').openMetrics()).toBeUndefined();
});

it('the texts of several roles are one, with each family once and one end', async () => {
  const texts = [
    await observed(true, '01').openMetrics(),
    await new Metrics('scheduler', { exemplars: true }).openMetrics(),
  ];
  const merged = mergeOpenMetrics(texts as string[]);
  expect(merged.match(/^# TYPE tasker_errors counter$/gm)).toHaveLength(1);
  expect(merged.match(/# EOF/g)).toHaveLength(1);
  expect(merged).toMatch(/^tasker_ready_to_start_seconds_bucket.*trace_id/m);
  expect(merged).not.toContain('\n\n');
});
