import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take much longer than the others, the longest first. If one of these began last, a whole worker would wait for it; Vitest
 * knows how long a file takes only from earlier runs on the same clone.
 */
const SLOWEST = [
  'test/reliability/image/image.test.ts',
  'test/reliability/locks-and-passwords.test.ts',
  'test/reliability/dev/dev.test.ts',
  'test/reliability/recovery.test.ts',
  'test/reliability/operations.test.ts',
  'test/reliability/dashboard/dashboard.test.ts',
  'test/reliability/dashboard/stored-scripts.test.ts',
  'test/reliability/dashboard/states.test.ts',
  'test/reliability/incidents/incidents.test.ts',
  'test/reliability/half-open-drain.test.ts',
  'test/reliability/test-kit/crash-at-every-boundary.test.ts',
  'test/reliability/test-kit/node-test.test.ts',
  'test/examples/start.test.ts',
  'test/cli/cli.test.ts',
  'test/reliability/embedded/crashes.test.ts',
  'test/process/service-contract.test.ts',
  'test/cli/migrate.test.ts',
  'test/e2e/tasker-ruby-workflows.test.ts',
  'test/interleavings/interleavings.test.ts',
  'test/worker/worker.test.ts',
];

const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = SLOWEST.findIndex((file) => moduleId.endsWith(file));
  return place < 0 ? SLOWEST.length : place;
};

export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}
