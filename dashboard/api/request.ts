import { signal } from '@preact/signals';
import { apiUrl } from '../settings.ts';

/** What the API says of a request that it did not do (RFC 9457), or what the browser says if there was no answer. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly requestId: string | undefined;
  readonly errors: readonly { pointer: string; detail: string }[];
  readonly members: Readonly<Record<string, unknown>>;

  constructor(status: number, document: Readonly<Record<string, unknown>>) {
    const text = (name: string, fallback: string): string =>
      typeof document[name] === 'string' ? document[name] : fallback;
    super(text('detail', 'the API did not say why'));
    this.status = status;
    this.code = text('code', 'UNKNOWN');
    this.title = text('title', `HTTP ${status}`);
    this.requestId = typeof document['request_id'] === 'string' ? document['request_id'] : undefined;
    this.errors = Array.isArray(document['errors'])
      ? (document['errors'] as { pointer: string; detail: string }[])
      : [];
    this.members = document;
  }

  /** What could not be had for the moment, and will be: there was no answer, or the API has too much to do. */
  get passes(): boolean {
    return TEMPORARY.has(this.status);
  }
}
const TEMPORARY: ReadonlySet<number> = new Set([0, 429, 502, 503, 504]);

/** True as soon as the API does not know who asks: the page to sign in is shown instead of any other. */
export const signedOut = signal(false);

export interface Answer<Body> {
  readonly status: number;
  /** Undefined: it is as it was (304). */
  readonly body: Body | undefined;
  readonly etag: string | undefined;
  /** How long ago the server has read it. */
  readonly ageSeconds: number;
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  /** The body as text of JSON, with its numbers as they were written. */
  readonly json?: string;
  readonly etag?: string | undefined;
  readonly ifMatch?: string | undefined;
  /** Takes an answer that the server read this long ago, perhaps for somebody else. Default: one that it reads now. */
  readonly maxAgeSeconds?: number;
  /** One for each thing that somebody wants done: pressed twice, or sent again, it is done once. */
  readonly key?: string;
  readonly signal?: AbortSignal;
  /** The answer as text: for documents, whose numbers JSON.parse would change. */
  readonly asText?: boolean;
}

/** Clocks and rounded ages. */
const SURELY_NEWER_SECONDS = 2;
const MOST_AGE_SECONDS = 30;

/**
 * The age that a read accepts which nothing but time has asked for, by when what is shown was so: a page never goes back, one alone gets what is so now, and
 * a hundred pages ask the database as often as one.
 */
export const anyNewerThan = (at: number): number =>
  Math.min(MOST_AGE_SECONDS, (Date.now() - at) / 1000 - SURELY_NEWER_SECONDS);

/** `path`: `/v1/...`. Throws Problem. */
export async function request<Body>(path: string, options: RequestOptions = {}): Promise<Answer<Body>> {
  const {
    method = 'GET',
    body,
    json,
    etag,
    ifMatch,
    key,
    maxAgeSeconds = 0,
    signal: aborted,
    asText = false,
  } = options;
  const text = json ?? (body === undefined ? undefined : JSON.stringify(body));
  let response: Response;
  try {
    response = await fetch(apiUrl(path), {
      method,
      credentials: 'same-origin',
      headers: {
        accept: 'application/json',
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
        ...(etag === undefined ? {} : { 'if-none-match': etag }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...(maxAgeSeconds < 1 ? {} : { 'cache-control': `max-age=${Math.floor(maxAgeSeconds)}` }),
      },
      ...(text === undefined ? {} : { body: text }),
      ...(aborted === undefined ? {} : { signal: aborted }),
    });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new Problem(0, {
      code: 'UNREACHABLE',
      title: 'The API cannot be reached',
      detail: 'No answer came. The page tries again by itself.',
    });
  }
  const newEtag = response.headers.get('etag') ?? undefined;
  const ageSeconds = Number(response.headers.get('age') ?? 0);
  if (response.status === 304) return { status: 304, body: undefined, etag: newEtag, ageSeconds };
  const received = await response.text();
  if (!response.ok) {
    if (response.status === 401) signedOut.value = true;
    throw new Problem(response.status, documentOf(received));
  }
  const parsed = (asText ? received : JSON.parse(received)) as Body;
  return { status: response.status, body: parsed, etag: newEtag, ageSeconds };
}

function documentOf(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { title: 'Something between this page and the API did not let the request through' };
  }
}

/** For `key`. Browsers have randomUUID over TLS only. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
