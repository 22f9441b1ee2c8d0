import { AsyncLocalStorage } from 'node:async_hooks';
import { loadedTracing, traceMode, tracing } from './otel.ts';
import { readStoredContext, traceIdOf } from './stored-context.ts';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The place in a trace of whoever sent the request, in a process that traces nothing itself. */
const sender = new AsyncLocalStorage<string>();

/**
 * Does the work of a request in the trace of whoever sent it: that of the active span, if an instrumentation of the server made one, or else
 * that of the headers, as the registered propagator reads them (`traceparent`). Without an SDK the place of the sender is passed on as
 * it is in the mode `parent`; otherwise this just does the work.
 */
export async function inTraceOf<Result>(headers: Headers, work: () => Promise<Result>): Promise<Result> {
  const otel = await loadedTracing();
  if (otel === undefined) {
    const place = traceMode() === 'parent' ? placeIn(headers) : undefined;
    return place === undefined ? work() : sender.run(place, work);
  }
  const { context, propagation, trace } = otel.api;
  if (trace.getSpan(context.active()) !== undefined) return work();
  return context.with(propagation.extract(context.active(), headers), work);
}

/** Where tasks belong that are submitted without an SDK for a request that has a place in a trace. */
export function placeOfSender(): string | undefined {
  return traceMode() === 'parent' ? sender.getStore() : undefined;
}

/** The id of the trace of a request, for its answer and its lines of the log; undefined: it has none. */
export function requestTraceId(headers: Headers): string | undefined {
  const otel = tracing();
  const active = otel?.api.trace.getSpanContext(otel.api.context.active());
  if (active !== undefined) return active.traceId;
  const place = placeIn(headers);
  return place === undefined ? undefined : (traceIdOf(place) ?? undefined);
}

/** The headers `traceparent` and `tracestate` in the form in which a task keeps them; undefined: they are absent, or have another form. */
function placeIn({ traceparent, tracestate }: Headers): string | undefined {
  if (typeof traceparent !== 'string' || traceparent.includes(' ')) return undefined;
  const both = typeof tracestate === 'string' ? `${traceparent} ${tracestate}` : traceparent;
  return [both, traceparent].find((text) => readStoredContext(text) !== undefined);
}
