import { ApiError } from './error.ts';
import { LINES, ONCE } from './operation-facts.ts';
import type { TaskDetails } from './operations.ts';
import { send } from './send.ts';
import type {
  ApiResponse,
  Arguments,
  ItemOf,
  ListName,
  OperationName,
  PathOf,
  RequestOptions,
  ResponseOf,
} from './types.ts';

/** How a client of the HTTP API is made. */
export interface ApiClientOptions {
  /** The address of the API, with the prefix that it is mounted under: `https://tasker.internal`, `https://ops.internal/tasker/`. */
  url: string;
  /** A key, `tsk_...`. In a browser with a session none is needed. */
  key?: string | undefined;
  /** Of every request: what a proxy in front of the API wants. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** For each attempt, in milliseconds. Default 30000. */
  timeoutMs?: number | undefined;
  /** How often a request is sent again after what passes by itself: a connection that broke, 503, 429. Default 3; 0: never. */
  retries?: number | undefined;
  /** Default: that of the platform. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** What `request` reads of any options. */
interface AnyOptions extends RequestOptions {
  params?: Readonly<Record<string, string | number>> | undefined;
  query?: Readonly<Record<string, unknown>> | undefined;
  body?: unknown;
}

/** States in which nothing happens to a task by itself. */
const AT_REST: ReadonlySet<string> = new Set(['complete', 'error', 'cancelled', 'resolved_manually']);
/** The longest wait that the API takes is 60 s; a proxy often ends what is silent for as long. */
const WAIT_SECONDS = 25;

/** A client of the HTTP API, in a browser or in Node, whose paths, arguments and responses have types. */
export class ApiClient {
  private readonly base: string;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly timeoutMs: number;
  private readonly retries: number;
  private readonly fetch: typeof globalThis.fetch;

  constructor({ url, key, headers = {}, timeoutMs = 30_000, retries = 3, fetch }: ApiClientOptions) {
    this.base = url.replace(/\/+$/, '');
    this.headers = {
      accept: 'application/json',
      ...headers,
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    };
    this.timeoutMs = timeoutMs;
    this.retries = retries;
    // Called as a method, that of a browser refuses.
    this.fetch = fetch ?? ((input, init) => globalThis.fetch(input, init));
  }

  /** Reads. Throws ApiError. */
  async get<Path extends PathOf<'GET'>>(
    path: Path,
    ...options: Arguments<`GET ${Path}`>
  ): Promise<ResponseOf<`GET ${Path}`>> {
    return (await this.request(`GET ${path}`, ...options)).body as ResponseOf<`GET ${Path}`>;
  }

  /** Acts. Throws ApiError: a refused act has the code REFUSED, and why in its `problem`. */
  async post<Path extends PathOf<'POST'>>(
    path: Path,
    ...options: Arguments<`POST ${Path}`>
  ): Promise<ResponseOf<`POST ${Path}`>> {
    return (await this.request(`POST ${path}`, ...options)).body as ResponseOf<`POST ${Path}`>;
  }

  /** Makes or replaces. Throws ApiError: with `ifMatch` or `ifNoneMatch: '*'`, the code PRECONDITION_FAILED if it is not as it was read. */
  async put<Path extends PathOf<'PUT'>>(
    path: Path,
    ...options: Arguments<`PUT ${Path}`>
  ): Promise<ResponseOf<`PUT ${Path}`>> {
    return (await this.request(`PUT ${path}`, ...options)).body as ResponseOf<`PUT ${Path}`>;
  }

  /** Removes. Throws ApiError. */
  async delete<Path extends PathOf<'DELETE'>>(
    path: Path,
    ...options: Arguments<`DELETE ${Path}`>
  ): Promise<ResponseOf<`DELETE ${Path}`>> {
    return (await this.request(`DELETE ${path}`, ...options)).body as ResponseOf<`DELETE ${Path}`>;
  }

  /** Any operation, with what is beside the body of its response: status, ETag, the text as it came. Throws ApiError. */
  async request<Name extends OperationName>(
    name: Name,
    ...[options]: Arguments<Name>
  ): Promise<ApiResponse<ResponseOf<Name>>> {
    const given = (options ?? {}) as AnyOptions;
    const [method = 'GET', path = ''] = name.split(' ', 2);
    const isLines = LINES.has(name);
    const key = method === 'GET' || ONCE.has(name) ? false : (given.idempotencyKey ?? randomKey());
    const { status, headers, text } = await send(this.fetch, {
      method,
      url: this.urlOf(path, given),
      headers: {
        ...this.headers,
        ...(given.body === undefined ? {} : { 'content-type': isLines ? 'application/x-ndjson' : 'application/json' }),
        ...(key === false ? {} : { 'idempotency-key': key }),
        ...(given.ifMatch === undefined ? {} : { 'if-match': given.ifMatch }),
        ...(given.ifNoneMatch === undefined ? {} : { 'if-none-match': given.ifNoneMatch }),
      },
      body: bodyOf(given.body, isLines),
      signal: given.signal,
      timeoutMs: given.timeoutMs ?? this.timeoutMs,
      retries: this.retries,
      isRepeatable: method === 'GET' || key !== false,
    });
    return {
      status,
      headers,
      etag: headers.get('etag') ?? undefined,
      text,
      body: readBody(status, text, isLines) as never,
    };
  }

  /** The pages of a list, one request each. A page may be shorter than its limit, or empty, and not be the last. */
  async *pages<Name extends ListName>(name: Name, ...[options]: Arguments<Name>): AsyncGenerator<ResponseOf<Name>> {
    const given = (options ?? {}) as AnyOptions;
    let cursor: string | null | undefined;
    do {
      const query = cursor === undefined ? given.query : { ...given.query, cursor };
      const { body } = await this.request(name, ...([{ ...given, query }] as unknown as Arguments<Name>));
      yield body as ResponseOf<Name>;
      cursor = (body as { next_cursor: string | null }).next_cursor;
    } while (cursor !== null);
  }

  /** The items of a list, page by page, to its end. */
  async *items<Name extends ListName>(name: Name, ...options: Arguments<Name>): AsyncGenerator<ItemOf<Name>> {
    for await (const page of this.pages(name, ...options)) yield* page.items as ItemOf<Name>[];
  }

  /**
   * Waits until a task has ended (or is in error) and returns it, by requests that wait at the API. Throws ApiError with the code TIMEOUT
   * when `timeoutMs` are over (default: it waits for ever), or the reason of the signal.
   */
  async waitForTask(
    taskId: string,
    { timeoutMs = Number.POSITIVE_INFINITY, signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<TaskDetails> {
    const until = Date.now() + timeoutMs;
    let ifNoneMatch: string | undefined;
    for (;;) {
      const waitSeconds = Math.max(0, Math.min(WAIT_SECONDS, (until - Date.now()) / 1000));
      const { body, etag } = await this.request('GET /v1/tasks/{task_id}', {
        params: { task_id: taskId },
        query: { wait_seconds: waitSeconds },
        timeoutMs: waitSeconds * 1000 + this.timeoutMs,
        signal,
        ifNoneMatch,
      });
      if (body !== undefined && AT_REST.has(body.state)) return body;
      if (Date.now() >= until)
        throw new ApiError('TIMEOUT', `task ${taskId} has not ended within ${timeoutMs} ms: it goes on`);
      ifNoneMatch = etag;
    }
  }

  /** The URL of a path of the API, such as the `href` of a document, for a link in a page. */
  urlOf(path: string, { params = {}, query = {} }: Pick<AnyOptions, 'params' | 'query'> = {}): string {
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const value = params[name];
      if (value === undefined) throw new TypeError(`${path}: params has no ${name}`);
      return encodeURIComponent(value);
    });
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== undefined && value !== null) search.set(name, String(value));
    const text = search.toString();
    return `${this.base}${filled}${text === '' ? '' : `?${text}`}`;
  }
}

/** A client of the HTTP API. It connects at the first call, and there is nothing to close. */
export function createApiClient(options: ApiClientOptions): ApiClient {
  return new ApiClient(options);
}

function bodyOf(body: unknown, isLines: boolean): string | undefined {
  if (body === undefined) return undefined;
  return isLines ? (body as unknown[]).map((line) => `${JSON.stringify(line)}\n`).join('') : JSON.stringify(body);
}

function readBody(status: number, text: string, isLines: boolean): unknown {
  if (status === 304 || text === '') return undefined;
  if (!isLines) return JSON.parse(text);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

/** `crypto.randomUUID` is missing in pages that came over plain HTTP. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
