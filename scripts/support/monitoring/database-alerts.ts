import { type Alert, series } from './alert.ts';
import { m } from './rules.ts';

const HOT = 'relation=~"tasker_(tasks|workflow_steps|claims|workers|.*_transitions)"';

/** The health of the database. */
export const DATABASE_ALERTS: readonly Alert[] = [
  {
    name: 'TaskerClaimsSlow',
    expr: 'tasker:claim_seconds:p99_5m > 0.25',
    data: ['tasker:claim_seconds:p99_5m'],
    for: '10m',
    severity: 'warning',
    summary: 'One claim in a hundred takes longer than {{ $value | humanizeDuration }}',
    description:
      'The readiness view is slow: dead rows, stale statistics, a queue full of steps that nobody claims, a busy server.',
    test: {
      at: '20m',
      fires: [
        series(`${m('claimSeconds')}_bucket{fused="false",le="0.25"}`, '0+90x25'),
        series(`${m('claimSeconds')}_bucket{fused="false",le="0.5"}`, '0+100x25'),
        series(`${m('claimSeconds')}_bucket{fused="false",le="+Inf"}`, '0+100x25'),
      ],
      labels: {},
      silent: [
        series(`${m('claimSeconds')}_bucket{fused="false",le="0.005"}`, '0+100x25'),
        series(`${m('claimSeconds')}_bucket{fused="false",le="0.5"}`, '0+100x25'),
        series(`${m('claimSeconds')}_bucket{fused="false",le="+Inf"}`, '0+100x25'),
      ],
    },
  },
  {
    name: 'TaskerOldSnapshotHeld',
    expr: `max by (kind, holder) (${m('xminSeconds')}) > 1800`,
    data: [`max by (kind, holder) (${m('xminSeconds')})`],
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.kind }} {{ $labels.holder }} has held a snapshot for {{ $value | humanizeDuration }}',
    description: 'Dead rows younger than it cannot be removed from any table: claims get slower with every minute.',
    test: {
      at: '10m',
      fires: [series(`${m('xminSeconds')}{kind="session",holder="report"}`, '1900+60x15')],
      labels: { kind: 'session', holder: 'report' },
      silent: [series(`${m('xminSeconds')}{kind="session",holder="report"}`, '1000+60x6 0x10')],
    },
  },
  {
    name: 'TaskerXminHorizonStuck',
    expr: `max by (kind, holder) (${m('xminAge')}) > 10000000`,
    data: [`max by (kind, holder) (${m('xminAge')})`],
    for: '10m',
    severity: 'critical',
    summary: '{{ $labels.kind }} {{ $labels.holder }} holds an xmin {{ $value | humanize }} transactions old',
    description:
      'A replication slot nobody reads, a forgotten prepared transaction or a standby keeps dead rows everywhere.',
    test: {
      at: '15m',
      fires: [series(`${m('xminAge')}{kind="replication_slot",holder="old"}`, '20000000+1000x20')],
      labels: { kind: 'replication_slot', holder: 'old' },
      silent: [series(`${m('xminAge')}{kind="replication_slot",holder="old"}`, '5000+1000x20')],
    },
  },
  {
    name: 'TaskerDeadTuplesHigh',
    expr: `max by (relation) (${m('deadTuples')}{${HOT}}) > 100000 and on (relation) max by (relation) (${m('deadTuples')}) > 0.5 * max by (relation) (${m('liveTuples')})`,
    data: [`max by (relation) (${m('deadTuples')}{${HOT}})`, `max by (relation) (${m('liveTuples')})`],
    for: '15m',
    severity: 'warning',
    summary: '{{ $labels.relation }} has {{ $value | humanize }} dead rows',
    description: 'Autovacuum does not keep up, or is held back by an old snapshot.',
    test: {
      at: '20m',
      fires: [
        series(`${m('deadTuples')}{relation="tasker_workflow_steps"}`, '300000x25'),
        series(`${m('liveTuples')}{relation="tasker_workflow_steps"}`, '400000x25'),
      ],
      labels: { relation: 'tasker_workflow_steps' },
      silent: [
        series(`${m('deadTuples')}{relation="tasker_workflow_steps"}`, '300000x25'),
        series(`${m('liveTuples')}{relation="tasker_workflow_steps"}`, '9000000x25'),
      ],
    },
  },
  {
    name: 'TaskerHistoryNotExtended',
    expr: `max by (relation) (${m('historyIdsAhead')}) < 0`,
    data: [`max by (relation) (${m('historyIdsAhead')})`],
    for: '1h',
    severity: 'warning',
    summary: 'The last partition of {{ $labels.relation }} is in use, and none is made behind it',
    description: 'Nothing fails, but this partition grows, and what is old in it cannot be dropped apart from it.',
    test: {
      at: '70m',
      fires: [series(`${m('historyIdsAhead')}{relation="t"}`, '-1000x80')],
      labels: { relation: 't' },
      silent: [series(`${m('historyIdsAhead')}{relation="t"}`, '900000x80')],
    },
  },
  {
    name: 'TaskerIndexBloated',
    expr: `max by (relation, index) (${m('indexBloat')}) > 0.7 and on (relation, index) max by (relation, index) (${m('indexBytes')}) > 100000000`,
    data: [`max by (relation, index) (${m('indexBloat')})`, `max by (relation, index) (${m('indexBytes')})`],
    for: '1h',
    severity: 'info',
    summary: 'About {{ $value | humanizePercentage }} of index {{ $labels.index }} is empty',
    description: 'The index has grown beyond what it holds and is read and cached in full.',
    test: {
      at: '70m',
      fires: [
        series(`${m('indexBloat')}{relation="t",index="i"}`, '0.8x80'),
        series(`${m('indexBytes')}{relation="t",index="i"}`, '500000000x80'),
      ],
      labels: { relation: 't', index: 'i' },
      silent: [
        series(`${m('indexBloat')}{relation="t",index="i"}`, '0.8x80'),
        series(`${m('indexBytes')}{relation="t",index="i"}`, '5000000x80'),
      ],
    },
  },
  {
    name: 'TaskerConnectionsNearLimit',
    expr: 'tasker:connections_used:ratio > 0.85',
    data: ['tasker:connections_used:ratio'],
    for: '5m',
    severity: 'critical',
    summary: '{{ $value | humanizePercentage }} of the connections of the server are in use',
    description:
      'At the limit new connections are refused: processes cannot start, leases cannot be renewed after a reconnect.',
    test: {
      at: '8m',
      fires: [
        series(`${m('databaseConnections')}{kind="used"}`, '90x10'),
        series(`${m('databaseConnections')}{kind="limit"}`, '97x10'),
      ],
      labels: {},
      silent: [
        series(`${m('databaseConnections')}{kind="used"}`, '40x10'),
        series(`${m('databaseConnections')}{kind="limit"}`, '97x10'),
      ],
    },
  },
  {
    name: 'TaskerConnectionBudgetExceeded',
    expr: `max(${m('connectionBudget')}{kind="committed"}) > max(${m('connectionBudget')}{kind="available"})`,
    data: [`max(${m('connectionBudget')}{kind="committed"})`, `max(${m('connectionBudget')}{kind="available"})`],
    for: '10m',
    severity: 'warning',
    summary: 'The live processes may open {{ $value }} connections, more than are available to them',
    description: 'The fleet is larger than its connection budget: under load some of its connections will be refused.',
    test: {
      at: '15m',
      fires: [
        series(`${m('connectionBudget')}{kind="committed"}`, '120x20'),
        series(`${m('connectionBudget')}{kind="available"}`, '87x20'),
      ],
      labels: {},
      silent: [
        series(`${m('connectionBudget')}{kind="committed"}`, '80x20'),
        series(`${m('connectionBudget')}{kind="available"}`, '87x20'),
      ],
    },
  },
  {
    name: 'TaskerDeadlocks',
    expr: `max(delta(${m('deadlocks')}[15m])) > 0`,
    data: [`max(delta(${m('deadlocks')}[15m]))`],
    for: '0s',
    severity: 'info',
    summary: 'The database resolved {{ $value | humanize }} deadlocks in a quarter of an hour',
    description: 'The engine takes its locks in one order and tries again if it loses; another program locks its rows.',
    test: {
      at: '10m',
      fires: [series(m('deadlocks'), '0x4 2x10')],
      labels: {},
      silent: [series(m('deadlocks'), '2x20')],
    },
  },
];
