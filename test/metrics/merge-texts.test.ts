import { expect, it } from 'vitest';
import { mergeMetricTexts } from '../../src/metrics/merge-texts.ts';

const worker = `# HELP tasker_errors_total Errors.
# TYPE tasker_errors_total counter
tasker_errors_total{role="worker"} 1

# HELP tasker_claims_total Claims.
# TYPE tasker_claims_total counter

# HELP process_start_time_seconds Start.
# TYPE process_start_time_seconds gauge
process_start_time_seconds{role="worker"} 5
`;
const scheduler = `# HELP process_start_time_seconds Start.
# TYPE process_start_time_seconds gauge
process_start_time_seconds{role="scheduler"} 5

# HELP tasker_errors_total Errors.
# TYPE tasker_errors_total counter
tasker_errors_total{role="scheduler"} 2
`;

it('the metrics of several roles are one text with each family once', () => {
  expect(mergeMetricTexts([worker, scheduler])).toBe(`# HELP tasker_errors_total Errors.
# TYPE tasker_errors_total counter
tasker_errors_total{role="worker"} 1
tasker_errors_total{role="scheduler"} 2

# HELP tasker_claims_total Claims.
# TYPE tasker_claims_total counter

# HELP process_start_time_seconds Start.
# TYPE process_start_time_seconds gauge
process_start_time_seconds{role="worker"} 5
`);
  expect(mergeMetricTexts([scheduler])).toBe(scheduler);
});
