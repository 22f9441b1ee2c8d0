/** What a collector does, as far as the example needs it: receives spans over OTLP/HTTP in JSON, and keeps them. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

type Value = { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean };

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** It ended with an error. */
  readonly failed: boolean;
}

export interface Receiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  /** In the order in which they came. */
  readonly spans: readonly ReceivedSpan[];
  close(): Promise<void>;
}

/** Listens on a free port of this machine. */
export async function startReceiver(): Promise<Receiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk as string;
    const { resourceSpans = [] } = JSON.parse(body) as { resourceSpans?: { scopeSpans: { spans: RawSpan[] }[] }[] };
    for (const { scopeSpans } of resourceSpans)
      for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => receivedSpan(span)));
    response.setHeader('content-type', 'application/json').end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Spans as an indented text, the children of each below it, with what is linked. */
export function drawSpans(spans: readonly ReceivedSpan[]): string {
  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]));
  const lines: string[] = [];
  const draw = (span: ReceivedSpan, depth: number): void => {
    const links = span.links.map(({ spanId }) => names.get(spanId) ?? spanId);
    const notes = [
      `${(span.endMs - span.startMs).toFixed(1)} ms`,
      ...(span.failed ? [`failed: ${span.attributes['error.type']}`] : []),
      ...(links.length === 0 ? [] : [`linked to ${links.join(', ')}`]),
    ];
    lines.push(`${'  '.repeat(depth)}${span.name}  (${notes.join('; ')})`);
    const children = spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);
    for (const child of children.toSorted((a, b) => a.startMs - b.startMs)) draw(child, depth + 1);
  };
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === undefined || !names.has(parentSpanId));
  for (const root of roots.toSorted((a, b) => a.startMs - b.startMs)) draw(root, 0);
  return lines.join('\n');
}

interface RawSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: { key: string; value: Value }[];
  links?: { traceId: string; spanId: string }[];
  status?: { code?: number };
}

const ERROR = 2;

function receivedSpan(span: RawSpan): ReceivedSpan {
  const valueOf = ({ stringValue, intValue, doubleValue, boolValue }: Value): string | number | boolean =>
    stringValue ?? doubleValue ?? boolValue ?? Number(intValue);
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId === '' ? undefined : span.parentSpanId,
    name: span.name,
    startMs: Number(span.startTimeUnixNano) / 1e6,
    endMs: Number(span.endTimeUnixNano) / 1e6,
    attributes: Object.fromEntries((span.attributes ?? []).map(({ key, value }) => [key, valueOf(value)])),
    links: span.links ?? [],
    failed: span.status?.code === ERROR,
  };
}
