import type { TestFleet, TestFleetOptions } from './fleet/test-fleet.ts';
import type { TestServer } from './fleet/test-server.ts';

/*
 * What needs PostgreSQL is loaded when it is first used: tests in memory do without a worker's server, metrics and pg-boss, which take
 * most of the time of an import.
 */

/**
 * Starts a fleet (workers and a scheduler in this process) on a database of its own, for one test or one file. Stop it at the end:
 * `await fleet.stop()`, or `await using fleet = await startTestFleet(...)`.
 */
export async function startTestFleet(options: TestFleetOptions): Promise<TestFleet> {
  const { startFleet } = await import('./fleet/start-fleet.ts');
  return startFleet(options);
}

/**
 * Starts an embedded PostgreSQL for tests: temporary, not durable, and gone when this process ends, in whatever way. Needed only to
 * share one server between test files: start it in their global set-up, and pass its `url` to `startTestFleet`.
 */
export async function startTestServer(): Promise<TestServer> {
  const server = await import('./fleet/test-server.ts');
  return server.startTestServer();
}
