import { defineStatement } from '../../statement.ts';
import { FIRST_RANDOM_WORKER_ID } from '../claims/earlier-keys.ts';

export interface InstallationRow {
  installation_id: string;
  created_at: Date;
  had_earlier_versions: boolean;
}

/** The installation's one row, and whether a version before migration 0016 ever ran here. */
export const findInstallation = defineStatement<InstallationRow>()({
  name: 'find_installation',
  text: `
SELECT i.installation_id, i.created_at, i.had_earlier_versions OR EXISTS (
    SELECT FROM tasker.tasker_workers w WHERE w.worker_id < ${FIRST_RANDOM_WORKER_ID}) AS had_earlier_versions
FROM tasker.tasker_installation i`,
});
