import { defineStatement } from '../statement.ts';

export interface XminHolderRow {
  kind: string;
  holder: string;
  seconds: number | null;
  transactions: number;
}

/**
 * What holds back the removal of dead rows, the oldest first: sessions, prepared transactions, replication slots, standbys
 * with hot_standby_feedback. Sessions are listed by application name; a role without the right to see those of others sees fewer.
 */
export const xminHolders = defineStatement<XminHolderRow>()({
  name: 'xmin_holders',
  text: `
SELECT kind, holder, max(seconds)::float8 AS seconds, max(transactions)::float8 AS transactions
FROM (
  SELECT CASE WHEN backend_type = 'walsender' THEN 'standby' ELSE 'session' END AS kind,
    coalesce(nullif(application_name, ''), backend_type) AS holder,
    extract(epoch FROM clock_timestamp() - xact_start) AS seconds, age(backend_xmin) AS transactions
  FROM pg_stat_activity
  WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
  UNION ALL
  SELECT 'prepared_transaction', gid, extract(epoch FROM clock_timestamp() - prepared), age(transaction)
  FROM pg_prepared_xacts
  UNION ALL
  SELECT 'replication_slot', slot_name, NULL, greatest(age(xmin), age(catalog_xmin))
  FROM pg_replication_slots
  WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL
) h
GROUP BY kind, holder
ORDER BY transactions DESC, seconds DESC NULLS LAST
LIMIT 5`,
});
