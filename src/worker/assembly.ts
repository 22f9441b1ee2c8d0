import { Listener } from '../db/connections/listener.ts';
import { Notifier } from '../db/connections/notifier.ts';
import { passwordOf } from '../db/connections/password.ts';
import { quarantineOf } from '../engine/quarantine.ts';
import { Membership } from '../membership/membership.ts';
import { AttemptSpans } from '../tracing/attempt-spans.ts';
import { ClaimReconciler } from './claiming/claim-reconciler.ts';
import { Claimer } from './claiming/claimer.ts';
import { IdleCheck } from './claiming/idle-check.ts';
import { Completer } from './completing/completer.ts';
import { Recorder } from './completing/recorder.ts';
import { JoinedDatabase } from './joining/joined-database.ts';
import { WorkflowRegistration } from './joining/workflow-registration.ts';
import { WorkflowReport } from './joining/workflow-report.ts';
import { QuarantineRunner } from './quarantine/quarantine-runner.ts';
import { QuarantineWatch } from './quarantine/quarantine-watch.ts';
import { Executor } from './running/executor.ts';
import { Intake } from './running/intake.ts';
import { RunningAttempts } from './running/running-attempts.ts';
import { ClaimCursors } from './scope/claim-cursors.ts';
import { ClaimLedger } from './scope/claim-ledger.ts';
import { ClaimSignal } from './scope/claim-signal.ts';
import { HandlerRegistry } from './scope/handler-registry.ts';
import { Pauses } from './scope/pauses.ts';
import { ResultCache } from './scope/result-cache.ts';
import { Slots } from './scope/slots.ts';
import type { WorkerOptions } from './scope/worker-options.ts';
import { type WorkerScope, WorkerState } from './scope/worker-scope.ts';
import { Activity } from './telemetry/activity.ts';

/** The least pause between two notifications of a queue. */
const NOTIFY_INTERVAL_MS = 100;

/** The parts of a worker that are started and stopped. */
export type Assembly = ReturnType<typeof assemble>;

/**
 * Makes the parts of a worker once, each from parts that are made before it: what they share, the membership, and the stations
 * from the last to the first, since each hands its output to the next. Nothing is undefined afterwards, and nothing runs yet.
 */
export function assemble(options: WorkerOptions) {
  const { db, settings, events, loggerFor, onRound = () => undefined } = options;
  const { queues, slots: total } = settings;

  const signal = new ClaimSignal();
  const handlers = new HandlerRegistry(settings);
  const cursors = new ClaimCursors(queues, settings.maxPollIntervalMs);
  const shared = {
    db,
    settings,
    events,
    signal,
    state: new WorkerState(),
    slots: new Slots(total, signal),
    handlers,
    pauses: new Pauses(handlers, () => {
      // What was passed over lies behind the cursors.
      cursors.reset();
      signal.wake();
    }),
    claims: new ClaimLedger(),
    cursors,
    results: new ResultCache(settings.resultCacheBytes),
    notifier: new Notifier(db, NOTIFY_INTERVAL_MS),
    running: new RunningAttempts(settings.abortGraceMs),
    spans: new AttemptSpans(),
  };
  const { running, slots } = shared;

  const registration = new WorkflowRegistration(shared, options.workflows);
  const joined = new JoinedDatabase(shared, registration);
  const membership = new Membership({
    db,
    settings,
    heartbeats: options.heartbeats,
    process: { role: 'worker', name: options.name, version: options.version, queues, slots: total },
    killWhenStalled: options.killWhenStalled ?? false,
    busySlots: () => slots.busy,
    stallDeadlineMs: () => running.stallDeadlineMs(),
    prepare: () => joined.prepare(),
    onLeaseLost: (formerId) => joined.leaseLost(formerId),
    onPauses: (pauses) => shared.pauses.read(pauses),
    onError: (what, error) => events.failed(what, error),
  });
  const scope: WorkerScope = { ...shared, lease: membership.lease };
  const activity = new Activity(scope);
  const workflowReport = new WorkflowReport(scope, registration, options.registrationRetryMs);

  const completer = new Completer(scope);
  const recorder = new Recorder(scope);
  const executor = new Executor(scope, { running, activity, completer, membership, loggerFor });
  const intake = new Intake(scope, executor);
  const reconciler = new ClaimReconciler(scope, running, intake, options.reconcileIntervalMs);
  const quarantine = new QuarantineWatch(scope, new QuarantineRunner(scope, intake), options.startQuarantine);
  const idleCheck = new IdleCheck(scope, reconciler, quarantine);
  const claimer = new Claimer(scope, { intake, completer, idleCheck, onRound });
  const wake = wakerOf(scope, quarantine);
  const listener = listenerOf(scope, quarantine, wake);

  completer.onRecorded = (recorded) => {
    recorder.record(recorded);
    // The ring closes here: the steps that a completion claimed run next.
    if (recorded.claimed !== undefined) intake.accept(recorded.claimed);
  };

  return {
    scope,
    running,
    joined,
    membership,
    workflowReport,
    activity,
    completer,
    reconciler,
    quarantine,
    claimer,
    listener,
    wake,
  };
}

/** Wakes what looks for steps of a queue: the claimer, or the quarantine watch. */
function wakerOf({ settings, signal }: WorkerScope, quarantine: QuarantineWatch): (queue: string) => void {
  const quarantines = new Set(settings.queues.map(quarantineOf));
  return (queue) => {
    if (settings.queues.includes(queue)) signal.wake();
    else if (quarantines.has(queue)) quarantine.wake();
  };
}

/** Calls `wake` when the database notifies that steps of a queue became ready. One that does nothing if there are no notifications. */
function listenerOf(
  { db, settings, state, signal, events }: WorkerScope,
  quarantine: QuarantineWatch,
  wake: (queue: string) => void,
) {
  if (!settings.notify || settings.databaseUrlDirect === undefined) return NO_LISTENER;
  return new Listener({
    url: settings.databaseUrlDirect,
    schema: db.schema,
    applicationName: 'tasker listener',
    password: passwordOf(settings),
    onReady: wake,
    // Notifications of the time in between did not arrive.
    onListening: (listening) => {
      state.notificationsLive = listening;
      signal.wake();
      quarantine.wake();
    },
    onError: (error) => events.failed('listen', error),
  });
}

const NO_LISTENER = { start: async () => undefined, stop: async () => undefined };
