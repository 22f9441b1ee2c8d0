/** What the global setup provides to every test file. */
export interface TestRun {
  /** Part of every database's name and of the environment of every process that the tests start. */
  id: string;
  /** A database of the server from which databases can be created. */
  adminUrl: string;
  /** A migrated database that allows no connections: the template of all others. */
  template: string;
  /** A folder for the files of the tests, removed at the end of the run. */
  scratchDir: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    testRun: TestRun;
  }
}

/** Every database of a run has this prefix, so that a run can remove all of its own databases and no others. */
export function databasePrefix(runId: string): string {
  return `tasker_test_${runId}_`;
}

/** The environment variable that marks the processes started by the tests of a run. */
export const runMarker = 'FLEET_TEST_RUN';
