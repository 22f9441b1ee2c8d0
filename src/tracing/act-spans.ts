import { ATTRIBUTES, attributes } from './attributes.ts';
import { errorTypeOf } from './error-type.ts';
import { contextOf, loadedTracing } from './otel.ts';
import { readStoredContext } from './stored-context.ts';

/** An act of an operator. */
export interface TracedAct {
  readonly act: string;
  readonly by: string;
  readonly taskId: string | undefined;
}

/** Links the act to the trace of its task, as the task keeps it. */
export type LinkAct = (traceContext: string | null | undefined) => void;

/**
 * An act is a span of whatever the caller does (a request of the API, a command), linked to the trace of its task. `work` receives how to
 * link it; undefined: the act is not traced, and nothing need be read for it.
 */
export async function tracedAct<Outcome extends { outcome: string }>(
  { act, by, taskId }: TracedAct,
  work: (link: LinkAct | undefined) => Promise<Outcome>,
): Promise<Outcome> {
  const otel = await loadedTracing();
  if (otel === undefined) return work(undefined);
  const { api, tracer } = otel;
  const span = tracer.startSpan(`act ${act}`, { attributes: attributes({ act, by, taskId }) });
  if (!span.isRecording()) return work(undefined);
  const link: LinkAct = (text) => {
    const stored = typeof text === 'string' ? readStoredContext(text) : undefined;
    const context = stored === undefined ? undefined : api.trace.getSpanContext(contextOf(otel, stored));
    // Spans of versions before 1.9 of the API have no such method.
    if (context !== undefined) span.addLink?.({ context });
  };
  try {
    const outcome = await api.context.with(api.trace.setSpan(api.context.active(), span), () => work(link));
    span.setAttributes({ [ATTRIBUTES.outcome]: outcome.outcome });
    return outcome;
  } catch (error) {
    span.setAttribute(ATTRIBUTES.errorType, errorTypeOf(error));
    span.setStatus({ code: api.SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}
