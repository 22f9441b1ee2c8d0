import { HISTORY_GAPS } from '../partition-checks.ts';
import type { Mend } from './mend.ts';

export const partitionMends: Readonly<Record<string, Mend>> = {
  history_has_its_place: {
    sql: `DO $$
DECLARE
  gap record;
BEGIN
  FOR gap IN ${HISTORY_GAPS}
  LOOP
    EXECUTE format('CREATE TABLE tasker.%I PARTITION OF %s FOR VALUES FROM (%s) TO (%s)',
      gap.name || '_from_' || lower(gap.gap_from), gap.history, gap.gap_from, gap.gap_until);
  END LOOP;
END
$$;`,
  },
};
