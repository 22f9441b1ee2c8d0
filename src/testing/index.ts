/** The test kit, `tasker-fleet/testing`: for programs that define workflows. Nothing in a running fleet uses it. */
export { fakeContext, type FakeContext, type FakeContextOptions } from './fake-context.ts';
export type { Boundary } from './crash/boundary.ts';
export { crashAtEveryBoundary } from './crash/crash-at-every-boundary.ts';
export type { CrashOptions } from './crash/crash-options.ts';
export type { CrashReport, StepVerdict } from './crash/crash-report.ts';
export { type EffectOptions, effects } from './crash/effects.ts';
export type { CrashProblem } from './crash/find-problems.ts';
export type { Duration } from './duration.ts';
export type { TestFleet, TestFleetOptions, WaitOptions } from './fleet/test-fleet.ts';
export type { TestServer } from './fleet/test-server.ts';
export type { HistoryEntry } from './history.ts';
export type { LoggedLine } from './logged-lines.ts';
export type { FleetSettings } from './memory/memory-settings.ts';
export { runWorkflow, type RunWorkflowOptions, type StepRun, type WorkflowRun } from './memory/run-workflow.ts';
export { inTurn, type Mocks, type StepMock } from './mocks.ts';
export { startTestFleet, startTestServer } from './start.ts';
