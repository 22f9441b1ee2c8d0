import { historyMends } from './history-mends.ts';
import type { Mend } from './mend.ts';
import { stepMends } from './step-mends.ts';
import { taskMends } from './task-mends.ts';

export type { Mend } from './mend.ts';

/** For each check the way out of what it finds. */
export const MENDS: Readonly<Record<string, Mend>> = { ...historyMends, ...stepMends, ...taskMends };
