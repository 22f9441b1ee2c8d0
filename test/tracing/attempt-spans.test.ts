import { afterEach, expect, it } from 'vitest';
import { AttemptSpans } from '../../src/tracing/attempt-spans.ts';
import { loadedTracing } from '../../src/tracing/otel.ts';
import { idOf, useRecordedSpans } from './recorded-spans.ts';

const recorded = useRecordedSpans();
const PLACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const facts = (attempt: number) => () => ({
  namespace: 'shop',
  workflow: 'order',
  version: '1.0.0',
  step: 'pay',
  queue: 'default',
  taskId: '1',
  stepId: '65537',
  attempt,
  claimId: `claim ${attempt}`,
  workerId: '7',
  waitedSeconds: 0,
});
const linksOf = (attempt: number) =>
  recorded
    .named('step pay')
    .filter(({ attributes }) => attributes['tasker.attempt'] === attempt)
    .flatMap(({ links }) => links.map(({ context: { spanId } }) => spanId));

let spans = new AttemptSpans();
afterEach(() => {
  spans = new AttemptSpans();
});

it('the next attempt is linked to one that failed, though its failure is delivered later', async () => {
  await loadedTracing();
  const failed = spans.begin(PLACE, facts(1));
  spans.failing(failed, '65537');
  const next = spans.begin(PLACE, facts(2));
  failed.end({ outcome: 'error', cause: 'fail', retryAt: new Date() });
  next.end({ outcome: 'complete', cause: 'complete' });
  const [first] = recorded.named('step pay');
  expect(linksOf(2)).toEqual([idOf(first!)]);
  spans.begin(PLACE, facts(3)).end({ outcome: 'complete', cause: 'complete' });
  expect(linksOf(3)).toEqual([]);
});

it('no attempt is linked to one that did not count', async () => {
  await loadedTracing();
  spans.failing(spans.begin(PLACE, facts(1)), '65537');
  spans.forget('65537');
  spans.begin(PLACE, facts(2)).end({ outcome: 'complete', cause: 'complete' });
  expect(linksOf(2)).toEqual([]);
});
