import type { z } from 'zod';
import type { Client } from '../client/client.ts';
import type { ActName } from '../engine/audit.ts';
import type { Redact } from '../redact.ts';
import type { Credentials } from './auth/authenticator.ts';
import type { EventHub } from './events/event-hub.ts';
import type { Cursors } from './http/cursors.ts';
import type { Layouts } from './layouts.ts';
import type { Permission, Principal } from './permissions.ts';
import type { Problem } from './problem.ts';
import type { ConnectionSettings } from '../reads/connections.ts';
import type { LinkTemplates } from '../tracing/links.ts';
import type { Reports } from './reports.ts';

/**
 * What a request may cost the database, which decides how long it may take and how much it counts for the rate of a principal.
 * `point`: look-ups by primary keys and small indexes, which only a slow database makes slow: then somebody needs them. `list`: a page of a list. `report`: reads much, or without an index. `write`: an act.
 * `none`: asks the database nothing.
 */
export const COSTS = {
  none: { seconds: 2, counts: 0 },
  point: { seconds: 8, counts: 1 },
  list: { seconds: 3, counts: 2 },
  report: { seconds: 8, counts: 10 },
  write: { seconds: 10, counts: 1 },
} as const satisfies Record<string, { seconds: number; counts: number }>;

export type Cost = keyof typeof COSTS;

/** What routes work with. */
export interface Services {
  readonly client: Client;
  readonly cursors: Cursors;
  readonly redact: Redact;
  readonly reports: Reports;
  /** Nothing may be written. */
  readonly readOnly: boolean;
  /** Runs what opens a transaction, when there is room for one: as many at once as leave a connection of the pool for what they read. */
  inTransaction<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Acts have to say why. */
  readonly requireReason: boolean;
  /** Pages of other tools about a task. */
  readonly links: LinkTemplates;
  readonly layouts: Layouts;
  /** Of this process: what the connection budget depends on. */
  readonly connections: ConnectionSettings;
  readonly events: EventHub;
  /** Whether the process can do its work now. */
  ready(): Promise<{ ok: boolean; reasons: string[] }>;
}

/** A request that was authenticated, authorised and read. */
export interface RouteRequest<Params = unknown, Query = unknown, Body = unknown> extends Services {
  readonly principal: Principal;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** In its problems and in the log. */
  readonly requestId: string;
  /** What it was authenticated by. */
  readonly credentials: Credentials;
  /** Aborted when whoever asked has gone away, and when the time is over. */
  readonly signal: AbortSignal;
  /** The open transaction in which the answer to an Idempotency-Key is stored: an act that takes part in it happens once. */
  readonly transaction: TransactionOfRequest | undefined;
}

/** As `client` takes it. */
export interface TransactionOfRequest {
  query(config: { text: string; values?: unknown[] }): Promise<{ rows: unknown[] }>;
}

export interface Answer {
  /** A refusal that is committed, because the audit has it. */
  readonly problem?: Problem;
  readonly status?: number;
  /** Serialised as JSON; a Buffer is sent as it is, and a stream as it comes. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of a shared route: others get it too for a moment, the longer the more it has cost (`ReadPace.keptFor`). */
  readonly mayBeKept?: boolean;
}

/** One operation of the API, with everything that its document, its authorisation and its tests are made of. */
export interface Route {
  /** In the document, the metrics and the generated client: `listTasks`. */
  readonly operation: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `/v1/tasks/{task_id}`; `{task_id}:cancel` is an act. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** `public`: without authentication, for probes. */
  readonly permission: Permission | 'public';
  /** `fleet`: about more than one namespace, so it is refused to a principal of some namespaces. */
  readonly scope: 'namespace' | 'fleet';
  readonly cost: Cost;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Default `application/json`. */
  readonly consumes?: 'application/x-ndjson';
  /** Of a success. `text`: a document of another type than JSON. */
  readonly response: z.ZodType;
  readonly status?: 200 | 201;
  readonly produces?: 'application/x-ndjson' | 'text/event-stream' | 'text/plain';
  /** What the audit calls it: a refusal of whoever may not do it is written there. */
  readonly act?: ActName;
  /** Names of kept reports (`Reports`) that are old after it: whoever has acted sees what came of it. */
  readonly outdates?: readonly string[];
  /** It compares `If-Match` with the ETag of the task or the schedule that it is about. Any other route that writes refuses the header: who sends it relies on it. */
  readonly matches?: true;
  /** The answer has an ETag, and is 304 for whoever has it already (`If-None-Match`). */
  readonly tagged?: true;
  /** The answer has a secret that is never stored: no Idempotency-Key. */
  readonly secret?: boolean;
  /**
   * Whether a request may wait longer than its cost says, and does not count as being worked on meanwhile: each one, or one with
   * `wait_seconds`.
   */
  readonly waits?: 'always' | 'if asked';
  /** The answer depends on the address and the rights of whoever asks alone, and reading leaves no trace: several who ask at once are one. */
  readonly shared?: true;
  readonly example: { readonly query?: `?${string}`; readonly body?: unknown; readonly response: unknown };
  handle(request: RouteRequest): Promise<Answer>;
}

/** Of an act that changes something. What only reads is audited as well; a submit is work, and a preview changes nothing. */
export const needsReason = ({ act, method }: Route): boolean =>
  act !== undefined && method !== 'GET' && act !== 'task.submit' && act !== 'operation.preview';

type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** Defines a route whose handler has the types of its schemas. */
export function defineRoute<
  Params extends z.ZodObject | undefined = undefined,
  Query extends z.ZodObject | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(
  route: Omit<Route, 'params' | 'query' | 'body' | 'handle'> & {
    params?: Params;
    query?: Query;
    body?: Body;
    handle(request: RouteRequest<Output<Params>, Output<Query>, Output<Body>>): Promise<Answer>;
  },
): Route {
  return route as unknown as Route;
}
