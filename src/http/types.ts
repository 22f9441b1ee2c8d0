import type { Operations } from './operations.ts';

/** Of HTTP. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** The paths that a method has. */
export type PathOf<M extends Method> = {
  [Name in keyof Operations]: Name extends `${M} ${infer Path}` ? Path : never;
}[keyof Operations];

/** An operation of the API: `GET /v1/tasks`. */
export type OperationName = keyof Operations;

/** What an operation returns. */
export type ResponseOf<Name extends OperationName> = Operations[Name]['response'];

/** Of a request, besides what its operation takes. */
export interface RequestOptions {
  /** Ends the request; it throws the reason of the signal. */
  signal?: AbortSignal | undefined;
  /** For each attempt. Default: that of the client. */
  timeoutMs?: number | undefined;
  /** The ETag of what is known: `request` returns status 304 and no body if it has not changed. */
  ifNoneMatch?: string | undefined;
  /** The ETag of a task as it was read: an act is refused (PRECONDITION_FAILED) if it has changed since. */
  ifMatch?: string | undefined;
  /**
   * Of a write: within a day the same key with the same body is done once. By default a new one for each call, so that it can be sent again
   * when the connection breaks; false: none, and then it is not.
   */
  idempotencyKey?: string | false | undefined;
}

type Given<Name extends OperationName> = Omit<Operations[Name], 'response'> & RequestOptions;

/** The last argument of a call, which may be left out if nothing in it is needed. */
export type Arguments<Name extends OperationName> =
  Record<never, never> extends Given<Name> ? [options?: Given<Name>] : [options: Given<Name>];

/** Operations that return pages. */
export type ListName = {
  [Name in OperationName]: ResponseOf<Name> extends { items: unknown[]; next_cursor: string | null } ? Name : never;
}[OperationName];

/** What the pages of an operation have. */
export type ItemOf<Name extends ListName> = ResponseOf<Name> extends { items: (infer Item)[] } ? Item : never;

/** A response with what is beside its body. */
export interface ApiResponse<Body> {
  /** 304: what `ifNoneMatch` names has not changed. */
  readonly status: number;
  readonly headers: Headers;
  /** Of the state that was read, for `ifMatch` and `ifNoneMatch`. */
  readonly etag: string | undefined;
  /** The body as it came: numbers have all their digits, which JavaScript may not hold. */
  readonly text: string;
  /** Undefined with status 304. */
  readonly body: Body | undefined;
}
