import { BROKEN_CHAIN } from '../reads/audit.ts';
import type { Check } from './check.ts';

/** Invariants of the audit of operators' acts. */
export const auditChecks: Check[] = [
  {
    id: 'audit_chain_unbroken',
    title: 'each act of the audit that has a place in the chain has the hash of its text and of the act before it',
    why: 'A row of tasker_audit was changed, deleted or inserted by hand, so the audit from that place on proves nothing. Compare it with an export.',
    sql: BROKEN_CHAIN,
  },
];
