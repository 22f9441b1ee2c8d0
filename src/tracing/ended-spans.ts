import { attemptAttributes, attributes } from './attributes.ts';
import { contextOf, timeOf, tracing } from './otel.ts';
import { readStoredContext } from './stored-context.ts';

interface TracedWorkflow {
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly taskId: string;
  /** As the task keeps it; null: it is not traced. */
  readonly traceContext: string | null;
}

/** An attempt whose process died with it, or could not have its outcome recorded. */
export interface LostAttempt extends TracedWorkflow {
  readonly step: string;
  readonly stepId: string;
  readonly queue: string;
  readonly attempt: number;
  readonly claimId: string;
  readonly workerId: string;
  readonly workerName: string | null;
  readonly startedAt: Date;
}

/** A task that has ended or is in error. */
export interface EndedTask extends TracedWorkflow {
  readonly state: string;
  readonly requestedAt: Date;
  readonly endedAt: Date;
}

/** Ends the attempts that nobody else will: their process exported no span of them. One span for each, in its task's trace. */
export function traceLost(attempts: readonly LostAttempt[], endedAt = new Date()): void {
  const otel = tracing();
  if (otel === undefined) return;
  for (const lost of attempts) {
    const stored = lost.traceContext === null ? undefined : readStoredContext(lost.traceContext);
    if (stored?.sampled !== true) continue;
    const startedMs = lost.startedAt.getTime();
    const span = otel.tracer.startSpan(
      `step ${lost.step}`,
      {
        kind: otel.api.SpanKind.CONSUMER,
        startTime: timeOf(startedMs),
        attributes: attemptAttributes(lost, {
          workerName: lost.workerName,
          cause: 'lease_expired',
          errorType: 'lease_expired',
        }),
      },
      contextOf(otel, stored),
    );
    span.setStatus({ code: otel.api.SpanStatusCode.ERROR, message: 'the process that ran it is gone' });
    span.end(timeOf(Math.max(endedAt.getTime(), startedMs)));
  }
}

/** A span as long as the task, from its request to its end. Nothing was held open for it. */
export function traceRuns(tasks: readonly EndedTask[]): void {
  const otel = tracing();
  if (otel === undefined) return;
  for (const { traceContext, requestedAt, endedAt, ...task } of tasks) {
    const stored = traceContext === null ? undefined : readStoredContext(traceContext);
    if (stored?.sampled !== true) continue;
    const { namespace, workflow, version, taskId, state } = task;
    const span = otel.tracer.startSpan(
      `run ${namespace}/${workflow}`,
      {
        startTime: timeOf(requestedAt.getTime()),
        attributes: attributes({ namespace, workflow, version, taskId, state }),
      },
      contextOf(otel, stored),
    );
    if (state === 'error') span.setStatus({ code: otel.api.SpanStatusCode.ERROR });
    span.end(timeOf(Math.max(endedAt.getTime(), requestedAt.getTime())));
  }
}
