import { defineStatement } from '../../statement.ts';
import { FIRST_RANDOM_WORKER_ID } from '../claims/earlier-keys.ts';

export interface InstallationRow {
  installation_id: string;
  created_at: Date;
  had_earlier_versions: boolean;
}

const COLUMNS = `i.installation_id, i.created_at, i.had_earlier_versions OR EXISTS (
    SELECT FROM tasker.tasker_workers w WHERE w.worker_id < ${FIRST_RANDOM_WORKER_ID}) AS had_earlier_versions`;

/** The installation's one row, and whether a version before migration 0016 ever ran here. */
export const findInstallation = defineStatement<InstallationRow>()({
  name: 'find_installation',
  text: `
SELECT ${COLUMNS}
FROM tasker.tasker_installation i`,
});

/** The same with what a worker has to know before its first claim: the encoding, by PostgreSQL's name. */
export const findJoined = defineStatement<InstallationRow & { encoding: string }>()({
  name: 'find_joined',
  text: `
SELECT ${COLUMNS},
  current_setting('server_encoding') AS encoding
FROM tasker.tasker_installation i`,
});
