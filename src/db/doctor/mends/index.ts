import { auditMends } from './audit-mends.ts';
import { archiveMends } from './archive-mends.ts';
import { historyMends } from './history-mends.ts';
import { identityMends } from './identity-mends.ts';
import type { Mend } from './mend.ts';
import { operationMends } from './operation-mends.ts';
import { directoryMends } from './directory-mends.ts';
import { retentionMends } from './retention-mends.ts';
import { partitionMends } from './partition-mends.ts';
import { runStatsMends } from './run-stats-mends.ts';
import { stepMends } from './step-mends.ts';
import { taskMends } from './task-mends.ts';

export type { Mend } from './mend.ts';

/** How to mend what a check finds, by the id of the check. */
export const MENDS: Readonly<Record<string, Mend>> = {
  ...historyMends,
  ...stepMends,
  ...taskMends,
  ...identityMends,
  ...runStatsMends,
  ...retentionMends,
  ...directoryMends,
  ...partitionMends,
  ...auditMends,
  ...operationMends,
  ...archiveMends,
};
