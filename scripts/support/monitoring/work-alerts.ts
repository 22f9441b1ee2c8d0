import { type Alert, series } from './alert.ts';
import { m } from './rules.ts';

const ATTEMPTS = (outcome: string): string =>
  `${m('stepAttempts')}{namespace="n",workflow="w",step="s",outcome="${outcome}"}`;

/** The work: whether it is done, in time and with success. */
export const WORK_ALERTS: readonly Alert[] = [
  {
    name: 'TaskerBacklogOld',
    expr: `tasker:oldest_ready_seconds:max > 300 unless on (queue) max by (queue) (${m('queuePaused')})`,
    data: ['tasker:oldest_ready_seconds:max'],
    for: '5m',
    severity: 'critical',
    summary: 'Queue {{ $labels.queue }} has work that has been waiting for {{ $value | humanizeDuration }}',
    description:
      'Ready steps are not being started: too few workers, workers that hang, or none that can run them, or their workflow is paused (tasker pauses).',
    test: {
      at: '12m',
      fires: [series(`${m('oldestReady')}{queue="default"}`, '310+60x15')],
      labels: { queue: 'default' },
      silent: [series(`${m('oldestReady')}{queue="default"}`, '310 310 20 310 20x15')],
    },
  },
  {
    name: 'TaskerStartLatencyHigh',
    expr: 'tasker:start_latency_seconds:p95_5m > 30',
    data: ['tasker:start_latency_seconds:p95_5m'],
    for: '10m',
    severity: 'warning',
    summary: 'One step in twenty of queue {{ $labels.queue }} waits longer than {{ $value | humanizeDuration }}',
    description: 'Steps start late although they do start: the fleet is too small for its load.',
    test: {
      at: '20m',
      fires: [
        series(`${m('readyToStart')}_bucket{queue="default",le="30"}`, '0+10x25'),
        series(`${m('readyToStart')}_bucket{queue="default",le="60"}`, '0+100x25'),
        series(`${m('readyToStart')}_bucket{queue="default",le="+Inf"}`, '0+100x25'),
      ],
      labels: { queue: 'default' },
      silent: [
        series(`${m('readyToStart')}_bucket{queue="default",le="1"}`, '0+99x25'),
        series(`${m('readyToStart')}_bucket{queue="default",le="60"}`, '0+100x25'),
        series(`${m('readyToStart')}_bucket{queue="default",le="+Inf"}`, '0+100x25'),
      ],
    },
  },
  {
    name: 'TaskerStepFailureRatioHigh',
    expr: 'tasker:failure_ratio:5m > 0.2 and tasker:attempts:rate_5m > 0.02',
    data: ['tasker:failure_ratio:5m', 'tasker:attempts:rate_5m'],
    for: '10m',
    severity: 'warning',
    summary: '{{ $value | humanizePercentage }} of the attempts of {{ $labels.workflow }}/{{ $labels.step }} fail',
    description: 'More than a fifth of the attempts of one step end in error or time out, at more than one a minute.',
    test: {
      at: '20m',
      fires: [series(ATTEMPTS('error'), '0+30x25'), series(ATTEMPTS('complete'), '0+70x25')],
      labels: { namespace: 'n', workflow: 'w', step: 's' },
      silent: [series(ATTEMPTS('error'), '0+10x25'), series(ATTEMPTS('complete'), '0+90x25')],
    },
  },
  {
    name: 'TaskerStepsBlocked',
    expr: `max(${m('blockedSteps')}) > 0`,
    data: [`max(${m('blockedSteps')})`],
    for: '15m',
    severity: 'info',
    summary: '{{ $value }} steps failed for good and wait for an operator',
    description: 'Their tasks do not end by themselves: retry them, resolve them by hand, or cancel them.',
    test: {
      at: '20m',
      fires: [series(m('blockedSteps'), '3x25')],
      labels: {},
      silent: [series(m('blockedSteps'), '3x10 0x15')],
    },
  },
  {
    name: 'TaskerQueueWithoutWorkers',
    expr: `(max by (queue) (${m('readySteps')}) > 0 and on (queue) max by (queue) (${m('queueWorkers')}) == 0) unless on (queue) max by (queue) (${m('queuePaused')})`,
    data: [`max by (queue) (${m('readySteps')})`, `max by (queue) (${m('queueWorkers')})`],
    for: '3m',
    severity: 'critical',
    summary: 'Queue {{ $labels.queue }} has {{ $value }} ready steps and no worker',
    description: 'No live worker serves the queue: the deployment is at zero, cannot start, or has another queue set.',
    test: {
      at: '6m',
      fires: [series(`${m('readySteps')}{queue="mail"}`, '5x10'), series(`${m('queueWorkers')}{queue="mail"}`, '0x10')],
      labels: { queue: 'mail' },
      silent: [
        series(`${m('readySteps')}{queue="mail"}`, '5x10'),
        series(`${m('queueWorkers')}{queue="mail"}`, '0 0 2x10'),
      ],
    },
  },
  {
    name: 'TaskerPausedForLong',
    expr: `max by (queue) (${m('queuePaused')}) > 86400 or max by (namespace, workflow) (${m('workflowPaused')}) > 86400`,
    data: [`max by (queue) (${m('queuePaused')})`, `max by (namespace, workflow) (${m('workflowPaused')})`],
    for: '10m',
    severity: 'info',
    summary:
      '{{ with $labels.queue }}Queue {{ . }}{{ else }}Workflow {{ $labels.namespace }}/{{ $labels.workflow }}{{ end }} has been paused for {{ $value | humanizeDuration }}',
    description: 'An operator paused it more than a day ago: nothing of it starts until somebody resumes it.',
    test: {
      at: '12m',
      fires: [series(`${m('queuePaused')}{queue="mail"}`, '86401+60x15')],
      labels: { queue: 'mail' },
      silent: [series(`${m('queuePaused')}{queue="mail"}`, '80000+60x15')],
    },
  },
  {
    name: 'TaskerOperationStopped',
    expr: `max(${m('operations')}{state="stopped"}) > 0`,
    data: [`max(${m('operations')}{state="stopped"})`],
    for: '1m',
    severity: 'warning',
    summary: '{{ $value }} bulk operations stopped by themselves',
    description:
      'What was retried failed again as before, or whoever started the operation may no longer do so. The rest of its tasks waits until somebody resumes or aborts it.',
    test: {
      at: '5m',
      fires: [series(`${m('operations')}{state="stopped"}`, '0 0 1x10')],
      labels: {},
      silent: [
        series(`${m('operations')}{state="stopped"}`, '1 1 0x10'),
        series(`${m('operations')}{state="running"}`, '3x12'),
      ],
    },
  },
  {
    name: 'TaskerOperationStandsStill',
    expr: `max by (waits_for) (${m('operationIdle')}{waits_for="scheduler"}) > 120 or max by (waits_for) (${m('operationIdle')}{waits_for="canary"}) > 3600`,
    data: ['scheduler', 'canary'].map((what) => `max by (waits_for) (${m('operationIdle')}{waits_for="${what}"})`),
    for: '3m',
    severity: 'warning',
    summary:
      'A bulk operation has acted on no task for {{ $value | humanizeDuration }}: it waits for its {{ $labels.waits_for }}',
    description:
      'It runs, and its pace would allow the next task. Either no scheduler gets a chunk of it done, or the tasks of its canary neither end nor fail.',
    test: {
      at: '8m',
      fires: [series(`${m('operationIdle')}{waits_for="scheduler"}`, '60+60x15')],
      labels: { waits_for: 'scheduler' },
      silent: [
        series(`${m('operationIdle')}{waits_for="scheduler"}`, '60+60x3 0x12'),
        series(`${m('operationIdle')}{waits_for="canary"}`, '600+60x15'),
      ],
    },
  },
  {
    name: 'TaskerQueueStalled',
    expr: `max by (queue) (${m('scalingHeld')}{reason="stalled"}) == 1`,
    data: [`max by (queue) (${m('scalingHeld')}{reason="stalled"})`],
    for: '5m',
    severity: 'critical',
    summary: 'The handlers of queue {{ $labels.queue }} hang: hardly one completes',
    description:
      'Running steps are far older than steps used to be. The scaling signal is held: more workers would hang too.',
    test: {
      at: '8m',
      fires: [series(`${m('scalingHeld')}{queue="default",reason="stalled"}`, '1x10')],
      labels: { queue: 'default' },
      silent: [
        series(`${m('scalingHeld')}{queue="default",reason="stalled"}`, '1 1 0x10'),
        series(`${m('scalingHeld')}{queue="default",reason="unclaimed"}`, '1x10'),
      ],
    },
  },
  {
    name: 'TaskerWorkUnclaimed',
    expr: `max by (queue) (${m('scalingHeld')}{reason="unclaimed"}) == 1`,
    data: [`max by (queue) (${m('scalingHeld')}{reason="unclaimed"})`],
    for: '10m',
    severity: 'warning',
    summary: 'Queue {{ $labels.queue }} has work that none of its workers can run',
    description: 'Steps wait although slots are free: no live worker has registered their workflow in that version.',
    test: {
      at: '15m',
      fires: [series(`${m('scalingHeld')}{queue="default",reason="unclaimed"}`, '1x20')],
      labels: { queue: 'default' },
      silent: [series(`${m('scalingHeld')}{queue="default",reason="unclaimed"}`, '1x5 0x20')],
    },
  },
  {
    name: 'TaskerWorkflowRefused',
    expr: `max by (namespace, workflow, version) (${m('workflowRefused')}) == 1`,
    data: [`max by (namespace, workflow, version) (${m('workflowRefused')})`],
    for: '2m',
    severity: 'warning',
    summary: 'A worker cannot serve workflow {{ $labels.namespace }}/{{ $labels.workflow }} {{ $labels.version }}',
    description: 'Its definition does not fit what the database has of it. Its tasks wait; the other workflows run.',
    test: {
      at: '6m',
      fires: [series(`${m('workflowRefused')}{namespace="n",workflow="w",version="1.0.0"}`, '1x10')],
      labels: { namespace: 'n', workflow: 'w', version: '1.0.0' },
      silent: [series(`${m('workflowRefused')}{namespace="n",workflow="w",version="1.0.0"}`, '1 0x10')],
    },
  },
];
