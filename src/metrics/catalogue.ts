export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
  /** Which processes report it. */
  readonly roles: readonly ('worker' | 'scheduler')[];
}

const W = ['worker'] as const;
const S = ['scheduler'] as const;
const BOTH = ['worker', 'scheduler'] as const;

const LATENCY = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];
const DURATION = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];
const STATEMENT = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SIZE = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

const define = <Definitions extends Record<string, MetricDefinition>>(definitions: Definitions): Definitions =>
  definitions;

/** Every metric, once: what is registered, what the metrics reference and the dashboard are made from. */
export const METRICS = define({
  claims: {
    name: 'tasker_claims_total',
    type: 'counter',
    help: 'Claim statements that ran, by queue (empty: claims made by a completion).',
    labels: ['queue', 'fused'],
    roles: W,
  },
  claimedSteps: {
    name: 'tasker_claimed_steps_total',
    type: 'counter',
    help: 'Steps taken by claims.',
    labels: ['queue', 'fused'],
    roles: W,
  },
  claimSeconds: {
    name: 'tasker_claim_duration_seconds',
    type: 'histogram',
    help: 'Duration of one claim, round trip included.',
    labels: ['fused'],
    buckets: STATEMENT,
    roles: W,
  },
  readyToStart: {
    name: 'tasker_ready_to_start_seconds',
    type: 'histogram',
    help: 'From the moment a step became ready to its claim, by the database clock.',
    labels: ['queue'],
    buckets: LATENCY,
    roles: W,
  },
  stepSeconds: {
    name: 'tasker_step_duration_seconds',
    type: 'histogram',
    help: 'Duration of one attempt, from the call of the handler to its end.',
    labels: ['namespace', 'workflow', 'step'],
    buckets: DURATION,
    roles: W,
  },
  stepAttempts: {
    name: 'tasker_step_attempts_total',
    type: 'counter',
    help: 'Attempts that ended, by outcome: complete, error, timeout, released, lost.',
    labels: ['namespace', 'workflow', 'step', 'outcome'],
    roles: W,
  },
  stepRetries: {
    name: 'tasker_step_retries_total',
    type: 'counter',
    help: 'Attempts that failed and will be tried again.',
    labels: ['namespace', 'workflow', 'step'],
    roles: W,
  },
  stepsBlocked: {
    name: 'tasker_steps_blocked_total',
    type: 'counter',
    help: 'Steps that failed for good.',
    labels: ['namespace', 'workflow', 'step'],
    roles: W,
  },
  lostClaims: {
    name: 'tasker_lost_claims_total',
    type: 'counter',
    help: 'Attempts whose outcome the database refused, because the claim had been taken away.',
    labels: [],
    roles: W,
  },
  leasesLost: {
    name: 'tasker_leases_lost_total',
    type: 'counter',
    help: 'Times that this process found its lease ended by another.',
    labels: [],
    roles: BOTH,
  },
  stuckHandlers: {
    name: 'tasker_stuck_handlers_total',
    type: 'counter',
    help: 'Handlers that went on after their deadline and the grace that follows.',
    labels: ['namespace', 'workflow', 'step'],
    roles: W,
  },
  transitions: {
    name: 'tasker_transitions_total',
    type: 'counter',
    help: 'State changes written by this process, by entity and new state.',
    labels: ['entity', 'to_state'],
    roles: BOTH,
  },
  flushSteps: {
    name: 'tasker_flush_batch_steps',
    type: 'histogram',
    help: 'Ended attempts told to the database in one batch.',
    labels: [],
    buckets: SIZE,
    roles: W,
  },
  flushSeconds: {
    name: 'tasker_flush_duration_seconds',
    type: 'histogram',
    help: 'Duration of telling one batch of ended attempts.',
    labels: [],
    buckets: STATEMENT,
    roles: W,
  },
  slots: {
    name: 'tasker_slots',
    type: 'gauge',
    help: 'Handlers that may run at once in this worker.',
    labels: [],
    roles: W,
  },
  busySlots: {
    name: 'tasker_busy_slots',
    type: 'gauge',
    help: 'Handlers that run now in this worker.',
    labels: [],
    roles: W,
  },
  draining: {
    name: 'tasker_draining',
    type: 'gauge',
    help: '1 while this process is shutting down.',
    labels: [],
    roles: BOTH,
  },
  leaseAge: {
    name: 'tasker_lease_age_seconds',
    type: 'gauge',
    help: 'Since this process last renewed its lease.',
    labels: [],
    roles: BOTH,
  },
  loopAge: {
    name: 'tasker_loop_age_seconds',
    type: 'gauge',
    help: 'Since a loop of this process last went round; a loop that stands still fails /livez.',
    labels: ['loop'],
    roles: BOTH,
  },
  poolConnections: {
    name: 'tasker_pool_connections',
    type: 'gauge',
    help: 'Connections of the pool, by state: total, idle, waiting (callers without one).',
    labels: ['state'],
    roles: BOTH,
  },
  statementSeconds: {
    name: 'tasker_statement_duration_seconds',
    type: 'histogram',
    help: 'Duration of database statements by name, round trip included; readiness view queries are the claim statements.',
    labels: ['statement'],
    buckets: STATEMENT,
    roles: BOTH,
  },
  statementErrors: {
    name: 'tasker_statement_errors_total',
    type: 'counter',
    help: 'Statements that failed, by name.',
    labels: ['statement'],
    roles: BOTH,
  },
  errors: {
    name: 'tasker_errors_total',
    type: 'counter',
    help: 'Errors that a loop of this process survived, by what it was doing.',
    labels: ['doing'],
    roles: BOTH,
  },
  readySteps: {
    name: 'tasker_ready_steps',
    type: 'gauge',
    help: 'Ready steps waiting for a worker, by queue.',
    labels: ['queue'],
    roles: S,
  },
  oldestReady: {
    name: 'tasker_oldest_ready_seconds',
    type: 'gauge',
    help: 'Age of the longest waiting ready step, by queue.',
    labels: ['queue'],
    roles: S,
  },
  waitingRetries: {
    name: 'tasker_waiting_retries',
    type: 'gauge',
    help: 'Steps in error whose retry is due later.',
    labels: [],
    roles: S,
  },
  blockedSteps: {
    name: 'tasker_blocked_steps',
    type: 'gauge',
    help: 'Steps that failed for good and wait for an operator.',
    labels: [],
    roles: S,
  },
  openClaims: {
    name: 'tasker_open_claims',
    type: 'gauge',
    help: 'Claims with steps in flight, over the whole fleet.',
    labels: [],
    roles: S,
  },
  fleetProcesses: {
    name: 'tasker_fleet_processes',
    type: 'gauge',
    help: 'Processes with a lease, by role.',
    labels: ['role'],
    roles: S,
  },
  fleetSlots: {
    name: 'tasker_fleet_slots',
    type: 'gauge',
    help: 'Slots of all workers with a lease, by state: total, busy.',
    labels: ['state'],
    roles: S,
  },
  requeued: {
    name: 'tasker_requeued_steps_total',
    type: 'counter',
    help: 'Due retries put back in their queue.',
    labels: ['queue'],
    roles: S,
  },
  recovered: {
    name: 'tasker_recovered_steps_total',
    type: 'counter',
    help: 'Steps taken from dead processes, by what became of them: requeued, blocked.',
    labels: ['outcome'],
    roles: S,
  },
  expired: {
    name: 'tasker_expired_processes_total',
    type: 'counter',
    help: 'Processes whose lease was ended, by role.',
    labels: ['role'],
    roles: S,
  },
  settled: {
    name: 'tasker_settled_tasks_total',
    type: 'counter',
    help: 'Tasks that a dead process had left unsettled.',
    labels: [],
    roles: S,
  },
  sweepSeconds: {
    name: 'tasker_sweep_duration_seconds',
    type: 'histogram',
    help: 'Duration of one round of a chore.',
    labels: ['chore'],
    buckets: STATEMENT,
    roles: S,
  },
  sweepAge: {
    name: 'tasker_sweep_age_seconds',
    type: 'gauge',
    help: 'Since a chore last succeeded.',
    labels: ['chore'],
    roles: S,
  },
  cronFires: {
    name: 'tasker_cron_fires_total',
    type: 'counter',
    help: 'Ticks of workflow schedules that this process submitted, by outcome: created, existing, failed.',
    labels: ['outcome'],
    roles: S,
  },
  bufferHitRatio: {
    name: 'tasker_database_buffer_hit_ratio',
    type: 'gauge',
    help: 'Share of table blocks found in shared buffers since the statistics were reset.',
    labels: [],
    roles: S,
  },
  transitionLockWaits: {
    name: 'tasker_database_transition_lock_waits',
    type: 'gauge',
    help: 'Sessions waiting for a lock on a transition table.',
    labels: [],
    roles: S,
  },
  oldestSnapshot: {
    name: 'tasker_database_oldest_snapshot_seconds',
    type: 'gauge',
    help: 'Age of the oldest snapshot held; dead rows younger than it cannot be removed.',
    labels: [],
    roles: S,
  },
  databaseConnections: {
    name: 'tasker_database_connections',
    type: 'gauge',
    help: 'Connections, by kind: used (this database), limit (max_connections).',
    labels: ['kind'],
    roles: S,
  },
  deadlocks: {
    name: 'tasker_database_deadlocks',
    type: 'gauge',
    help: 'Deadlocks counted by the database since its statistics were reset.',
    labels: [],
    roles: S,
  },
  deadTuples: {
    name: 'tasker_table_dead_tuples',
    type: 'gauge',
    help: 'Dead rows, by table.',
    labels: ['relation'],
    roles: S,
  },
  liveTuples: {
    name: 'tasker_table_live_tuples',
    type: 'gauge',
    help: 'Live rows as estimated by the statistics, by table.',
    labels: ['relation'],
    roles: S,
  },
  tableBytes: {
    name: 'tasker_table_size_bytes',
    type: 'gauge',
    help: 'Size with indexes and TOAST, by table.',
    labels: ['relation'],
    roles: S,
  },
  hotRatio: {
    name: 'tasker_table_hot_update_ratio',
    type: 'gauge',
    help: 'Share of updates that touched no index, by table.',
    labels: ['relation'],
    roles: S,
  },
  indexScans: {
    name: 'tasker_index_scans',
    type: 'gauge',
    help: 'Scans of an index since its statistics were reset.',
    labels: ['relation', 'index'],
    roles: S,
  },
  indexBytes: {
    name: 'tasker_index_size_bytes',
    type: 'gauge',
    help: 'Size of an index.',
    labels: ['relation', 'index'],
    roles: S,
  },
  scrapeErrors: {
    name: 'tasker_scrape_errors_total',
    type: 'counter',
    help: 'Scrapes that were answered with older values because fresh ones could not be had in time.',
    labels: [],
    roles: BOTH,
  },
});

export type MetricKey = keyof typeof METRICS;
