import type * as Otel from '@opentelemetry/api';
import { VERSION } from '../version.ts';
import type { StoredContext } from './stored-context.ts';
import type { TraceMode } from './trace-mode.ts';

/** Of the program, and a tracer of whatever SDK is registered at this moment; without one its spans record nothing. */
export interface Tracing {
  readonly api: typeof Otel;
  readonly tracer: Otel.Tracer;
  readonly mode: Exclude<TraceMode, 'off'>;
}

/** Where every copy of @opentelemetry/api 1.x keeps what was registered. */
const REGISTRY = Symbol.for('opentelemetry.js.api.1');

interface Registered {
  readonly version?: string;
  /** The tracer provider that was registered. */
  readonly trace?: { getDelegate?(): unknown };
}

let api: typeof Otel | undefined;
let loading: Promise<void> | undefined;
let loaded = false;
let mode: TraceMode = 'link';
let dashboardUrl: string | undefined;
/** To look up a tracer for each attempt would cost as much as the rest of one that is not sampled. */
let known: { sdk: unknown; tracing: Tracing } | undefined;

/** For the whole process, as an SDK is registered for the whole process. */
export function setTraceMode(wanted: TraceMode): void {
  mode = wanted;
}

/** Where people find the dashboard, also for the whole process; without it spans have no links to it. */
export function setDashboardUrl(url: string): void {
  dashboardUrl = url.endsWith('/') ? url : `${url}/`;
}

/** The page of a task in the dashboard. */
export const taskPage = (taskId: string): string | undefined =>
  dashboardUrl === undefined ? undefined : `${dashboardUrl}tasks/${taskId}`;

export const traceMode = (): TraceMode => mode;

/** What the program has registered; undefined: no SDK, and then nothing else of OpenTelemetry is touched. */
function registered(): Registered | undefined {
  const found = (globalThis as { [REGISTRY]?: Registered })[REGISTRY];
  return found?.trace === undefined ? undefined : found;
}

/**
 * Loads the package @opentelemetry/api of the program. It is not part of this package: a copy may only read what was registered
 * by a copy of the same or a later version, and the version of the program's SDK is the program's choice. Only once there is an SDK: to
 * load it costs 20 ms of CPU, which is a large part of a start.
 */
function load(): Promise<void> {
  return (loading ??= importApi());
}

async function importApi(): Promise<void> {
  // It rejects if the package is installed where the SDK finds it and this package does not.
  api = await import('@opentelemetry/api').catch(() => undefined);
  loaded = true;
}

/**
 * For whoever is about to do something traced: an SDK is registered, and the package of its API is not loaded yet. Undefined: there is nothing
 * to wait for, which costs a read of a property of the global object.
 */
export function lateSdk(): Promise<void> | undefined {
  return loaded || mode === 'off' || registered() === undefined ? undefined : load();
}

/** Undefined: tracing is off, or no SDK is registered, or its API is not loaded yet; then it will be. */
export function tracing(): Tracing | undefined {
  if (mode === 'off') return undefined;
  const found = registered();
  if (found === undefined) return undefined;
  if (api === undefined) {
    void load();
    return undefined;
  }
  // Of the SDK that is registered now: it may be registered at any time, and a tracer from before would never find it.
  const sdk = sdkOf(found.trace);
  if (known === undefined || known.sdk !== sdk || known.tracing.mode !== mode)
    known = { sdk, tracing: { api, tracer: api.trace.getTracer('tasker-fleet', VERSION), mode } };
  return known.tracing;
}

const sdkOf = (provider: Registered['trace']): unknown => provider?.getDelegate?.() ?? provider;

/** As `tracing`, after the package was loaded. */
export async function loadedTracing(): Promise<Tracing | undefined> {
  const late = lateSdk();
  if (late !== undefined) await late;
  return tracing();
}

/** Exports what the SDK has not exported yet; never rejects. For the end of a process. */
export async function flushSpans(): Promise<void> {
  try {
    const sdk = sdkOf(registered()?.trace) as { forceFlush?(): Promise<void> } | undefined;
    await sdk?.forceFlush?.();
  } catch {
    // The collector is away.
  }
}

/** Why an SDK that the program has registered is not used, in words for a log line; undefined: it is, or there is none. */
export function tracingProblem(): string | undefined {
  if (mode === 'off') return undefined;
  const found = registered();
  if (found === undefined) return undefined;
  if (api === undefined) {
    return 'an OpenTelemetry SDK is registered, but @opentelemetry/api cannot be imported from here, so nothing is traced: install it beside this package';
  }
  if (api.trace.getTracerProvider() !== found.trace) {
    return `an OpenTelemetry SDK is registered by @opentelemetry/api ${found.version}, which is older than the copy that is installed beside this package, so nothing is traced: install one version of it`;
  }
  return undefined;
}

/** The context in which children of a stored span begin. */
export function contextOf(
  { api: { trace, ROOT_CONTEXT, createTraceState } }: Tracing,
  stored: StoredContext,
): Otel.Context {
  const { traceId, spanId, sampled, traceState } = stored;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: sampled ? 1 : 0,
    isRemote: true,
    ...(traceState === undefined ? {} : { traceState: createTraceState(traceState) }),
  });
}

/** Seconds and nanoseconds of the epoch: a plain number below the start of the process would be read as a time since that start. */
export function timeOf(epochMs: number): [seconds: number, nanoseconds: number] {
  const seconds = Math.floor(epochMs / 1000);
  return [seconds, Math.round((epochMs - seconds * 1000) * 1e6)];
}
