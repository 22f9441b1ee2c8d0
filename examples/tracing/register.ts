/**
 * Registers the OpenTelemetry SDK of this program; loaded first: `node --import ./register.ts ...`. The exporter reads its address from
 * OTEL_EXPORTER_OTLP_ENDPOINT (default http://localhost:4318).
 */
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

const { env } = process;
const ratio = env['OTEL_TRACES_SAMPLER_ARG'];

context.setGlobalContextManager(new AsyncLocalStorageContextManager());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
trace.setGlobalTracerProvider(
  new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': env['OTEL_SERVICE_NAME'] ?? 'tasker' }),
    // Decided where a trace begins, and kept from there on.
    sampler: new ParentBasedSampler({
      root: ratio === undefined ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(Number(ratio)),
    }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        scheduledDelayMillis: Number(env['OTEL_BSP_SCHEDULE_DELAY'] ?? 5000),
      }),
    ],
  }),
);
