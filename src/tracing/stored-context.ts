import type { SpanContext } from '@opentelemetry/api';

/** A place in a trace, as a task keeps it. */
export interface StoredContext {
  readonly traceId: string;
  readonly spanId: string;
  /** Decided where the trace began. Not sampled: no span of the task is made, and those of its handlers are not recorded either. */
  readonly sampled: boolean;
  /** The W3C header `tracestate`. */
  readonly traceState: string | undefined;
}

/** Longer ones need not be passed on, by the recommendation of the W3C. */
const MOST_STATE = 512;
/** `trace_context_readable` of the doctor has the same in SQL. */
const FORM = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?: ([ -~]{1,512}))?$/;
const SAMPLED = 1;

/** The W3C header `traceparent`, and behind a blank `tracestate`, if there is one. */
export function storedContextText({ traceId, spanId, traceFlags, traceState }: SpanContext): string {
  const parent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  const state = traceState?.serialize() ?? '';
  return state === '' || state.length > MOST_STATE ? parent : `${parent} ${state}`;
}

/** Where the last digit of the flags is. */
const LAST_FLAG = 54;

/** Whether it has the form, without taking it apart. */
export const isStoredContext = (text: string): boolean => FORM.test(text);

const ODD_DIGITS = '13579bdf';

/** Of a text that has the form, whether it is sampled. Asked for each attempt: it costs no more than a character. */
export const isSampledText = (text: string): boolean =>
  text.length > LAST_FLAG && ODD_DIGITS.includes(text.charAt(LAST_FLAG));

/** Undefined: it has another form, and the task is not traced. */
export function readStoredContext(text: string): StoredContext | undefined {
  const [, traceId, spanId, flags, traceState] = FORM.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED, traceState };
}

/** The id of its trace, for people and links; null: none. */
export function traceIdOf(text: string | null): string | null {
  return text === null ? null : (readStoredContext(text)?.traceId ?? null);
}

/** The ids of their traces, each once. */
export const traceIdsOf = (texts: readonly (string | null)[]): string[] => [
  ...new Set(texts.map(traceIdOf).filter((id) => id !== null)),
];

/** The id of its trace if it is sampled: otherwise nothing of the trace is to be found. */
export function sampledTraceId(text: string): string | undefined {
  return isSampledText(text) ? readStoredContext(text)?.traceId : undefined;
}
