import type { ScalingSettings } from '../../src/scaling/policy.ts';

/** The settings of a scheduler that configures none. */
export const DEFAULT_SCALING: ScalingSettings = {
  startLatencySeconds: 10,
  utilization: 0.8,
  assumedStepSeconds: 1,
  assumedSlots: 50,
  workerStepsPerSecond: 500,
  quietSeconds: 60,
};
