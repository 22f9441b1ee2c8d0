import { loadedTracing } from './otel.ts';

/**
 * Does the work of a request in the trace of whoever sent it: that of the active span, if an instrumentation of the server made one, or else
 * that of the headers, as the registered propagator reads them (`traceparent`). Without an SDK: just does it.
 */
export async function inTraceOf<Result>(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  work: () => Promise<Result>,
): Promise<Result> {
  const otel = await loadedTracing();
  if (otel === undefined) return work();
  const { context, propagation, trace } = otel.api;
  if (trace.getSpan(context.active()) !== undefined) return work();
  return context.with(propagation.extract(context.active(), headers), work);
}
