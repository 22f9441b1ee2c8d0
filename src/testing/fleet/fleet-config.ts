import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load-config.ts';
import { settingTexts } from '../../process/settings-in-code.ts';
import type { WorkflowDefinition } from '../../workflow/definition.ts';

/** Short intervals: a test waits for each of them, and its database has nothing else to do. */
const FOR_TESTS = {
  pollIntervalMs: '10',
  maxPollIntervalMs: '100',
  hintedPollIntervalMs: '200',
  retrySweepMs: '100',
  recoverySweepMs: '200',
  finalizeSweepMs: '500',
  silentSeconds: '1',
  poolSize: '4',
  slots: '20',
  // A debugger, or a busy machine, stops a test for a while: that is no reason to end it.
  leaseSeconds: '120',
  maxStallMs: '600000',
  drainGraceSeconds: '2',
  metricsPort: '0',
  logLevel: 'silent',
};

/** The configuration of a fleet's processes; the environment has no part in it. Throws for a setting that does not exist. */
export function fleetConfig(
  role: 'worker' | 'scheduler',
  url: string,
  workflows: readonly WorkflowDefinition[],
  settings: Readonly<Record<string, string | number | boolean>>,
): Config {
  const given = settingTexts(settings);
  const queues = [...new Set(workflows.flatMap(({ steps }) => steps.map(({ queue }) => queue)))].join(',');
  return loadConfig(role, {}, { ...FOR_TESTS, ...(queues === '' ? {} : { queues }), ...given, databaseUrl: url });
}
