export { allot } from './allot.ts';
export { Autoscaler, type AutoscalerSettings, DEFAULT_AUTOSCALER, type ScalingPolicy } from './autoscaler.ts';
export {
  committedConnections,
  connectionBudget,
  type ConnectionBudget,
  type ConnectionFacts,
} from './connection-budget.ts';
export { LOAD_PROFILES, type LoadProfile, loadProfileSchema, rateAt } from './load-profile.ts';
export {
  DEFAULT_SCALING,
  nextSignal,
  type QueueObservation,
  type QueueSignal,
  type ScalingReason,
  type ScalingSettings,
} from './policy.ts';
export { simulate, type SimulationResult, type SimulationSettings } from './simulate.ts';
