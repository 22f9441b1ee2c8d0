import { ACT_SCENARIOS } from './scenarios/acts.ts';
import { CLAIM_SCENARIOS } from './scenarios/claims.ts';
import { COMPLETION_SCENARIOS } from './scenarios/completions.ts';
import { IDENTITY_SCENARIOS } from './scenarios/identities.ts';
import { OPERATOR_SCENARIOS } from './scenarios/operators.ts';
import { RECOVERY_SCENARIOS } from './scenarios/recovery.ts';
import { RETENTION_SCENARIOS } from './scenarios/retention.ts';
import type { Scenario } from './scenarios/scenario.ts';

/** Pairs of verbs that run against each other. */
export const SCENARIOS: readonly Scenario[] = [
  ...CLAIM_SCENARIOS,
  ...COMPLETION_SCENARIOS,
  ...RECOVERY_SCENARIOS,
  ...OPERATOR_SCENARIOS,
  ...IDENTITY_SCENARIOS,
  ...RETENTION_SCENARIOS,
  ...ACT_SCENARIOS,
];
