/** What the global setup hands to every test file. */
export interface TestRun {
  /** Part of every database's name and of the environment of every process that the tests start. */
  id: string;
  /** Any database of the server where databases can be created from. */
  adminUrl: string;
  /** A migrated database that nobody may connect to: made to be copied. */
  template: string;
  /** A folder for whatever the tests write, removed at the end of the run. */
  scratchDir: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    testRun: TestRun;
  }
}

/** Every database of a run has this prefix, so that a run can remove all of its own and nobody else's. */
export function databasePrefix(runId: string): string {
  return `tasker_test_${runId}_`;
}

/** The environment variable that marks the processes started by the tests of a run. */
export const runMarker = 'FLEET_TEST_RUN';
