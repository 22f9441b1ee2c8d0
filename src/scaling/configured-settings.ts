import type { Config } from '../config/config.ts';
import type { ScalingSettings } from './policy.ts';

/** The policy of a scheduler with these settings. */
export const configuredSettings = (
  config: Pick<
    Config,
    | 'scaleStartLatencyMs'
    | 'scaleUtilizationPercent'
    | 'scaleStepMs'
    | 'slots'
    | 'scaleWorkerStepsPerSecond'
    | 'scaleQuietSeconds'
  >,
): ScalingSettings => ({
  startLatencySeconds: config.scaleStartLatencyMs / 1000,
  utilization: config.scaleUtilizationPercent / 100,
  assumedStepSeconds: config.scaleStepMs / 1000,
  assumedSlots: config.slots,
  workerStepsPerSecond: config.scaleWorkerStepsPerSecond,
  quietSeconds: config.scaleQuietSeconds,
});
