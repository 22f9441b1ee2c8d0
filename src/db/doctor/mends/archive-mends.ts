import { DOUBLED } from '../../statements/archive/records.ts';
import { BROKEN_RECORDS, RESTORES_OF_NOTHING } from '../archive-checks.ts';
import { type Mend, script } from './mend.ts';

export const archiveMends: Readonly<Record<string, Mend>> = {
  archived_task_is_gone: script(`
INSERT INTO tasker.tasker_archive_restores (archive_id, task_id, keep_until, requested_by, reason)
SELECT d.archive_id, d.task_id, clock_timestamp() + interval '7 days', 'tasker doctor', 'it was in the tables as well'
FROM (${DOUBLED}) d
ON CONFLICT DO NOTHING`),
  // The object is without a record then, which the command gives it again.
  archive_record_agrees: script(`
-- Then run: tasker archive verify --mend
DELETE FROM tasker.tasker_archives WHERE archive_id IN (SELECT b.archive_id FROM (${BROKEN_RECORDS}) b)`),
  schedulers_have_one_archive: { command: 'TASKER_ARCHIVE_URL=<the same for all> tasker scheduler' },
  restored_task_has_a_record: script(`
DELETE FROM tasker.tasker_archive_restores r
USING (${RESTORES_OF_NOTHING}) n
WHERE r.archive_id = n.archive_id AND r.task_id = n.task_id`),
};
