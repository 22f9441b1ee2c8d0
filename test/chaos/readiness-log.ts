/**
 * Logs every change of readiness and of a claim in the transaction that makes it. The engine's history contains neither the time of
 * readiness, which a claim clears, nor the beginning of a claim's transaction; and the engine's own tables cannot prove the engine
 * right. Rows are never changed, so that their xmin identifies the commit that wrote them.
 */
export const READINESS_LOG = `
CREATE SCHEMA chaos;
CREATE TABLE chaos.readiness (
  workflow_step_id bigint NOT NULL,
  queue text NOT NULL,
  priority integer NOT NULL,
  ready boolean NOT NULL,
  claim_id uuid,
  worker_id bigint,
  began_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- With the rights of its owner, because the fleet's role has none in this schema.
CREATE FUNCTION chaos.keep_readiness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO chaos.readiness (workflow_step_id, queue, priority, ready, claim_id, worker_id)
  VALUES (NEW.workflow_step_id, NEW.queue, NEW.priority, NEW.ready_at IS NOT NULL, NEW.claim_id, NEW.claimed_by);
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_born AFTER INSERT ON tasker.tasker_workflow_steps
  FOR EACH ROW WHEN (NEW.ready_at IS NOT NULL) EXECUTE FUNCTION chaos.keep_readiness();
CREATE TRIGGER chaos_changed AFTER UPDATE ON tasker.tasker_workflow_steps
  FOR EACH ROW WHEN (
    (OLD.ready_at IS NULL) IS DISTINCT FROM (NEW.ready_at IS NULL)
    OR OLD.claim_id IS DISTINCT FROM NEW.claim_id
    OR (OLD.queue, OLD.priority) IS DISTINCT FROM (NEW.queue, NEW.priority)
  ) EXECUTE FUNCTION chaos.keep_readiness();`;

const milliseconds = (time: string): string => `extract(epoch FROM ${time})::float8 * 1000`;

/** For the audit. If the server no longer has the commit timestamp of a transaction, the time at which the row was written is used. */
export const READINESS_EVENTS = `
SELECT workflow_step_id AS step, queue, priority, ready, claim_id AS "claimId", worker_id AS "workerId",
  ${milliseconds('began_at')} AS "beganMs",
  ${milliseconds('changed_at')} AS "atMs",
  ${milliseconds('coalesce(pg_xact_commit_timestamp(xmin), changed_at)')} AS "committedMs"
FROM chaos.readiness
ORDER BY changed_at`;

/** When each worker was registered; its end is in `stopped_at`. */
export const WORKER_LIVES = `
SELECT worker_id AS "workerId", name, queues, slots, ${milliseconds('started_at')} AS "fromMs",
  ${milliseconds('stopped_at')} AS "stoppedMs"
FROM tasker.tasker_workers
WHERE role = 'worker'`;

export interface WorkerLife {
  workerId: string;
  name: string;
  queues: string[];
  slots: number;
  fromMs: number;
  stoppedMs: number | null;
}
