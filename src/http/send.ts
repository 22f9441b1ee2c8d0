import { ApiError, errorOf } from './error.ts';

export interface Outgoing {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly retries: number;
  /** It may be sent again although it may have been done: it reads, or has an Idempotency-Key. */
  readonly isRepeatable: boolean;
}

export interface Received {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Nothing was done: whatever it is, it may be sent again. */
const NOT_BEGUN = new Set(['TOO_MANY_REQUESTS', 'OVERLOADED']);
/** It may have been done, or it is being done. */
const PASSING = new Set([
  ...NOT_BEGUN,
  'DRAINING',
  'DATABASE_BUSY',
  'DATABASE_UNAVAILABLE',
  'REPORT_UNAVAILABLE',
  'ARCHIVE_UNAVAILABLE',
  'REQUEST_IN_FLIGHT',
  'UNREACHABLE',
]);
/** Of what stands between: a proxy without a process of the API behind it, a process that closes. */
const PASSING_STATUSES = new Set([502, 503, 504]);

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;

/** Sends a request, and again after what passes by itself. Throws ApiError, or the reason of the signal. */
export async function send(fetcher: typeof fetch, request: Outgoing): Promise<Received> {
  for (let attempt = 0; ; attempt += 1) {
    const result = await once(fetcher, request);
    if (!(result instanceof Failed)) return result;
    const pauseMs = result.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random() / 2);
    if (attempt >= request.retries || pauseMs > LONGEST_PAUSE_MS || !mayRepeat(result.error, request))
      throw result.error;
    await pause(pauseMs, request.signal);
  }
}

class Failed {
  readonly error: ApiError;
  readonly retryAfterMs: number | undefined;

  constructor(error: ApiError, retryAfter: string | null = null) {
    this.error = error;
    this.retryAfterMs = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : undefined;
  }
}

function mayRepeat({ code, status }: ApiError, { isRepeatable }: Outgoing): boolean {
  if (NOT_BEGUN.has(code)) return true;
  return isRepeatable && (PASSING.has(code) || (code === 'NOT_THE_API' && PASSING_STATUSES.has(status)));
}

async function once(fetcher: typeof fetch, request: Outgoing): Promise<Received | Failed> {
  const { url, method, headers, body, signal } = request;
  const timeout = AbortSignal.timeout(request.timeoutMs);
  try {
    const response = await fetcher(url, {
      method,
      headers: { ...headers },
      ...(body === undefined ? {} : { body }),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      // A redirect would lead the key to another place.
      redirect: 'error',
    });
    const text = await response.text();
    if (response.ok || response.status === 304) return { status: response.status, headers: response.headers, text };
    return new Failed(errorOf(response.status, text), response.headers.get('retry-after'));
  } catch (error) {
    signal?.throwIfAborted();
    if (timeout.aborted)
      return new Failed(new ApiError('TIMEOUT', `${method} ${url}: no response within ${request.timeoutMs} ms`));
    const why = (error as { cause?: { message?: string } }).cause?.message ?? (error as Error).message;
    return new Failed(new ApiError('UNREACHABLE', `${method} ${url}: ${why}`, { cause: error }));
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
