import { stretchOf } from '../../statements/rules/directory.ts';
import { NOT_ENTERED } from '../directory-checks.ts';
import { type Mend, script } from './mend.ts';

/** Mends of the directory of tasks: a scheduler enters the stretches again. */
export const directoryMends: Readonly<Record<string, Mend>> = {
  directory_has_every_task: script(`
INSERT INTO tasker.tasker_directory_stretches (stretch, trusted)
SELECT DISTINCT ${stretchOf('u.task_id')}, false FROM (${NOT_ENTERED}) u
ON CONFLICT (stretch) DO UPDATE SET trusted = false`),
};
