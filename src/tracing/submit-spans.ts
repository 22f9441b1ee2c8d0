import type { Span } from '@opentelemetry/api';
import { ATTRIBUTES, attributes } from './attributes.ts';
import { errorTypeOf } from './error-type.ts';
import { placeOfSender } from './incoming.ts';
import { loadedTracing, taskPage, type Tracing } from './otel.ts';
import { storedContextText } from './stored-context.ts';

interface TracedWorkflow {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
}

interface Result {
  readonly outcome: 'created' | 'existing';
  readonly taskId: string;
}

/**
 * Submits tasks in a span `send`, which is a child of whatever the caller does, and gives each its place in a trace: with `link`, in a
 * new trace that begins with a span `task` and is linked to `send`; with `parent`, below `send` itself. Without a registered SDK the
 * tasks get none, or with `parent` that of whoever sent the request.
 */
export async function tracedSubmit<Task extends object, Submitted extends Result>(
  workflow: TracedWorkflow | undefined,
  tasks: readonly Task[],
  write: (tasks: readonly (Task & { traceContext?: string })[]) => Promise<Submitted[]>,
): Promise<Submitted[]> {
  const tracing = await loadedTracing();
  if (tracing === undefined) return write(placed(tasks, placeOfSender()));
  const { api, tracer } = tracing;
  const { namespace, name, version } = workflow ?? {};
  const called = `${namespace ?? '?'}/${name ?? '?'}`;
  const common = { namespace, workflow: name, version };
  const send = tracer.startSpan(`send ${called}`, { kind: api.SpanKind.PRODUCER });
  // The SDK was registered by a copy of the API that this one does not read, or traces nothing.
  if (!api.isSpanContextValid(send.spanContext())) return write(tasks);
  if (send.isRecording()) {
    const batchCount = tasks.length === 1 ? undefined : tasks.length;
    send.setAttributes(attributes({ ...common, operationName: 'send', operationType: 'send', batchCount }));
  }
  const roots = tasks.map(() => rootOf(tracing, send, called));
  try {
    const submitted = await api.context.with(api.trace.setSpan(api.context.active(), send), () =>
      write(tasks.map((task, at) => ({ ...task, traceContext: storedContextText((roots[at] as Span).spanContext()) }))),
    );
    for (const [at, { outcome, taskId }] of submitted.entries()) {
      const root = roots[at] as Span;
      const url = taskPage(taskId);
      if (tasks.length === 1) send.setAttributes(attributes({ taskId, outcome, url }));
      // A root that is not ended is not exported: nothing became of that task. In the mode `parent` all of them are `send`.
      if (outcome !== 'created' || root === send) continue;
      root.setAttributes(attributes({ ...common, taskId, url }));
      root.end();
    }
    return submitted;
  } catch (error) {
    send.setAttribute(ATTRIBUTES.errorType, errorTypeOf(error));
    send.setStatus({ code: api.SpanStatusCode.ERROR });
    throw error;
  } finally {
    send.end();
  }
}

const placed = <Task extends object>(
  tasks: readonly Task[],
  traceContext: string | undefined,
): readonly (Task & { traceContext?: string })[] =>
  traceContext === undefined ? tasks : tasks.map((task) => ({ ...task, traceContext }));

function rootOf({ tracer, mode }: Tracing, send: Span, called: string): Span {
  if (mode === 'parent') return send;
  // Whether it is sampled is decided anew: a caller that is not sampled would otherwise hide the whole task.
  return tracer.startSpan(`task ${called}`, { root: true, links: [{ context: send.spanContext() }] });
}
