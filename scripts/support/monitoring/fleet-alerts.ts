import { type Alert, series } from './alert.ts';
import { m } from './rules.ts';

/** The processes: whether they are alive and do their work. */
export const FLEET_ALERTS: readonly Alert[] = [
  {
    name: 'TaskerStepsRecovered',
    expr: `sum(increase(${m('recovered')}{outcome="requeued"}[10m])) > 0`,
    data: [`sum(increase(${m('recovered')}{outcome="requeued"}[10m]))`],
    for: '0s',
    severity: 'warning',
    summary: '{{ $value | humanize }} steps were taken from workers that died in the last ten minutes',
    description:
      'Workers are killed rather than drained: out of memory, evicted, a node lost. Each such step lost an attempt.',
    test: {
      at: '10m',
      fires: [series(`${m('recovered')}{outcome="requeued",role="scheduler"}`, '0x4 7x10')],
      labels: {},
      silent: [
        series(`${m('recovered')}{outcome="requeued",role="scheduler"}`, '7x20'),
        series(`${m('recovered')}{outcome="blocked",role="scheduler"}`, '0x4 7x10'),
      ],
    },
  },
  {
    name: 'TaskerStepsKillWorkers',
    expr: `sum(increase(${m('recovered')}{outcome="blocked"}[15m])) > 0`,
    data: [`sum(increase(${m('recovered')}{outcome="blocked"}[15m]))`],
    for: '0s',
    severity: 'critical',
    summary: '{{ $value | humanize }} steps used up their attempts by the death of their workers',
    description:
      'A step whose worker dies each time is likely to be what kills it. It is in error now and does not run again.',
    test: {
      at: '10m',
      fires: [series(`${m('recovered')}{outcome="blocked",role="scheduler"}`, '0x4 1x10')],
      labels: {},
      silent: [
        series(`${m('recovered')}{outcome="blocked",role="scheduler"}`, '1x20'),
        series(`${m('recovered')}{outcome="requeued",role="scheduler"}`, '0x4 1x10'),
      ],
    },
  },
  {
    name: 'TaskerClaimsLost',
    expr: `sum(increase(${m('lostClaims')}[10m])) > 0`,
    data: [`sum(increase(${m('lostClaims')}[10m]))`],
    for: '5m',
    severity: 'warning',
    summary: 'The outcomes of {{ $value | humanize }} attempts did not count: their claims had been taken away',
    description: 'Steps run twice. Leases run out under live workers, or tasks are cancelled while their steps run.',
    test: {
      at: '12m',
      fires: [series(`${m('lostClaims')}{role="worker"}`, '0+1x20')],
      labels: {},
      silent: [series(`${m('lostClaims')}{role="worker"}`, '4x20')],
    },
  },
  {
    name: 'TaskerLeasesLost',
    expr: `sum by (role) (increase(${m('leasesLost')}[10m])) > 0`,
    data: [`sum by (role) (increase(${m('leasesLost')}[10m]))`],
    for: '0s',
    severity: 'warning',
    summary: '{{ $labels.role }} processes found their lease ended by others, {{ $value | humanize }} times',
    description:
      'Live processes do not renew their leases in time: a blocked event loop, no processor time, a slow network.',
    test: {
      at: '10m',
      fires: [series(`${m('leasesLost')}{role="worker"}`, '0x4 2x10')],
      labels: { role: 'worker' },
      silent: [series(`${m('leasesLost')}{role="worker"}`, '2x20')],
    },
  },
  {
    name: 'TaskerSchedulerSilent',
    expr: `absent(${m('sweepAge')}{chore="recover_dead"})`,
    // The alert fires if the series is absent: on a living fleet it has to exist.
    data: [`${m('sweepAge')}{chore="recover_dead"}`],
    for: '2m',
    severity: 'critical',
    summary: 'No scheduler reports',
    description:
      'Nothing is retried, the steps of dead workers are not recovered, schedules do not fire, and the scaling signal is not evaluated.',
    test: {
      at: '8m',
      fires: [series(`${m('sweepAge')}{chore="recover_dead",role="scheduler"}`, '0.5 0.5 stale')],
      labels: { chore: 'recover_dead' },
      silent: [series(`${m('sweepAge')}{chore="recover_dead",role="scheduler"}`, '0.5x20')],
    },
  },
  {
    name: 'TaskerChoreStandsStill',
    expr: `min by (chore) (${m('sweepAge')}) > 120`,
    data: [`min by (chore) (${m('sweepAge')})`],
    for: '1m',
    severity: 'critical',
    summary: 'No scheduler has done {{ $labels.chore }} for {{ $value | humanizeDuration }}',
    description: 'The chore fails in every scheduler, or hangs: the logs of the schedulers show which statement.',
    test: {
      at: '5m',
      fires: [
        series(`${m('sweepAge')}{chore="retry_due",instance="a"}`, '130+60x10'),
        series(`${m('sweepAge')}{chore="retry_due",instance="b"}`, '150+60x10'),
      ],
      labels: { chore: 'retry_due' },
      silent: [
        series(`${m('sweepAge')}{chore="retry_due",instance="a"}`, '130+60x10'),
        series(`${m('sweepAge')}{chore="retry_due",instance="b"}`, '0.4x10'),
      ],
    },
  },
  {
    name: 'TaskerScheduleFails',
    expr: `sum(increase(${m('cronFires')}{outcome="failed"}[15m])) > 0`,
    data: [`sum(increase(${m('cronFires')}{outcome="failed"}[15m]))`],
    for: '1m',
    severity: 'warning',
    summary: 'An occurrence of a workflow schedule could not be submitted',
    description: 'After ten minutes it stays undone: `tasker schedule list` shows which schedule it is, and why.',
    test: {
      at: '10m',
      fires: [series(`${m('cronFires')}{outcome="failed",instance="a"}`, '0 0 0 1 2 3 3 3 3 3 3 3')],
      labels: {},
      silent: [
        series(`${m('cronFires')}{outcome="failed",instance="a"}`, '0x12'),
        series(`${m('cronFires')}{outcome="created",instance="a"}`, '0+1x12'),
      ],
    },
  },
  {
    name: 'TaskerRetentionBehind',
    expr: `max(${m('retentionLag')}) > 21600`,
    data: [`max(${m('retentionLag')})`],
    for: '30m',
    severity: 'warning',
    summary: 'Tasks that may go have not been removed for {{ $value | humanizeDuration }}',
    description:
      'Retention is behind: it fails, or it cannot remove as fast as tasks end. The disk fills up more than was planned.',
    test: {
      at: '40m',
      fires: [series(`${m('retentionLag')}{instance="a"}`, '25000+60x45')],
      labels: {},
      silent: [
        series(`${m('retentionLag')}{instance="a"}`, '12000+60x45'),
        series(`${m('retentionLag')}{instance="b"}`, '4x45'),
      ],
    },
  },
  {
    name: 'TaskerScalingLimited',
    expr: `sum(max by (queue) (${m('wantedReplicas')})) > sum(max by (queue) (${m('desiredReplicas')}))`,
    data: [`sum(max by (queue) (${m('wantedReplicas')}))`, `sum(max by (queue) (${m('desiredReplicas')}))`],
    for: '15m',
    severity: 'warning',
    summary: 'The queues could use {{ $value }} workers, more than the limit allows',
    description: 'The limit of workers (TASKER_SCALE_MAX_WORKERS, or the connection budget) is reached.',
    test: {
      at: '20m',
      fires: [
        series(`${m('wantedReplicas')}{queue="default"}`, '40x25'),
        series(`${m('desiredReplicas')}{queue="default"}`, '30x25'),
      ],
      labels: {},
      silent: [
        series(`${m('wantedReplicas')}{queue="default"}`, '30x25'),
        series(`${m('desiredReplicas')}{queue="default"}`, '30x25'),
      ],
    },
  },
  {
    name: 'TaskerScalingOverdue',
    expr: `max by (queue) (${m('scalingHeld')}{reason="overdue"}) == 1`,
    data: [`max by (queue) (${m('scalingHeld')}{reason="overdue"})`],
    for: '2m',
    severity: 'warning',
    summary: 'The scaling signal of queue {{ $labels.queue }} is old',
    description: 'No scheduler evaluates the policy. Autoscalers keep what they have and do not follow the load.',
    test: {
      at: '5m',
      fires: [series(`${m('scalingHeld')}{queue="default",reason="overdue"}`, '1x10')],
      labels: { queue: 'default' },
      silent: [series(`${m('scalingHeld')}{queue="default",reason="overdue"}`, '1 0x10')],
    },
  },
  {
    name: 'TaskerPoolExhausted',
    expr: `max by (role) (${m('poolConnections')}{state="waiting"}) > 5`,
    data: [`max by (role) (${m('poolConnections')}{state="waiting"})`],
    for: '5m',
    severity: 'warning',
    summary: '{{ $value }} statements of a {{ $labels.role }} wait for a connection of its pool',
    description: 'The pool is too small, or statements take too long.',
    test: {
      at: '8m',
      fires: [series(`${m('poolConnections')}{state="waiting",role="worker"}`, '9x10')],
      labels: { role: 'worker' },
      silent: [
        series(`${m('poolConnections')}{state="waiting",role="worker"}`, '9 9 0x10'),
        series(`${m('poolConnections')}{state="total",role="worker"}`, '9x10'),
      ],
    },
  },
  {
    name: 'TaskerArchiveFailing',
    expr: `max(${m('archiveFailing')}) > 0`,
    data: [`max(${m('archiveFailing')})`],
    for: '15m',
    severity: 'warning',
    summary: 'The store of the archive has failed for a quarter of an hour',
    description:
      'It is away, full, or refuses. Retention removes nothing meanwhile, so the database grows; tasks run as before.',
    test: {
      at: '20m',
      fires: [series(`${m('archiveFailing')}{role="scheduler"}`, '1x30')],
      labels: {},
      silent: [series(`${m('archiveFailing')}{role="scheduler"}`, '0x30')],
    },
  },
];
