import { BROKEN_CHAIN } from '../../reads/audit.ts';
import { type Mend, script } from './mend.ts';

/**
 * What was changed by hand cannot be found out again. So the chain begins anew, with an act that says where it was broken and where it
 * ended; schedulers give every act its place again. An export of before no longer agrees, which is as it should be.
 */
export const auditMends: Readonly<Record<string, Mend>> = {
  audit_chain_unbroken: script(
    `
INSERT INTO tasker.tasker_audit (act, subject, subject_id, by, reason, outcome, refused, details)
SELECT 'audit.rechain', 'audit', 'chain', current_user, 'the chain was broken', 'rechained', false,
  jsonb_build_object('broken_at', (SELECT min(b.position) FROM (${BROKEN_CHAIN}) b), 'position', max(h.position), 'hash', max(h.hash))
FROM tasker.tasker_audit_head h
WHERE EXISTS (${BROKEN_CHAIN})
HAVING count(*) > 0`,
    `UPDATE tasker.tasker_audit SET position = NULL, hash = NULL WHERE EXISTS (${BROKEN_CHAIN})`,
    `
INSERT INTO tasker.tasker_audit_head (position, hash) VALUES (0, '')
ON CONFLICT (head) DO UPDATE SET position = 0, hash = ''
WHERE NOT EXISTS (SELECT FROM tasker.tasker_audit WHERE position IS NOT NULL)`,
  ),
};
