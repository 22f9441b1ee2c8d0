/** What the fleet may open on the PostgreSQL server, and how many workers that allows. Pure arithmetic. */
export interface ConnectionFacts {
  /** Of the server: max_connections, and the part of it that only superusers and reserved roles can use. */
  readonly maxConnections: number;
  readonly reservedByServer: number;
  /** CONNECTION LIMIT of the role that the fleet logs in with, and of its database. Null: none. */
  readonly roleLimit: number | null;
  readonly databaseLimit: number | null;
  /** Connections of the server that are kept for people, backups, monitoring and other applications. */
  readonly reservedForOthers: number;
  readonly poolSize: number;
  readonly schedulers: number;
  /** Processes of the API. */
  readonly apis: number;
  /** DATABASE_URL goes through a transaction pooler. */
  readonly pooled: boolean;
  /** The server can be reached without the pooler (or there is no pooler). */
  readonly direct: boolean;
  /** Server connections that the pooler may open. */
  readonly poolerConnections: number;
}

export interface ConnectionBudget {
  /** For the fleet: what the server has, less what is kept for others; or what role and database allow, if that is less. */
  readonly available: number;
  /** What one process may open on the server itself, at most. */
  readonly perWorker: number;
  readonly perScheduler: number;
  readonly perApi: number;
  /** Held by the pooler, for any number of workers. */
  readonly pooler: number;
  /** What one worker may open on the pooler: its max_client_conn has to allow it. 0 without a pooler. */
  readonly clientsPerWorker: number;
  readonly clientsPerScheduler: number;
  readonly clientsPerApi: number;
  /** 0: not even the schedulers, the API and the pooler fit. Infinity: workers open no connection on the server itself. */
  readonly maxWorkers: number;
}

/** Connections of a worker beside its pool. */
const HEARTBEAT = 1;
const LISTEN = 1;
/** pg-boss in a scheduler: a pool of three and one for LISTEN. */
const CRON = 4;
/** pg-boss in a process of the API, which changes schedules and fires none. */
const CRON_OF_API = 1;

export function connectionBudget(facts: ConnectionFacts): ConnectionBudget {
  const available = Math.min(
    Math.max(0, facts.maxConnections - facts.reservedByServer - facts.reservedForOthers),
    facts.roleLimit ?? Number.POSITIVE_INFINITY,
    facts.databaseLimit ?? Number.POSITIVE_INFINITY,
  );
  const pooler = facts.pooled ? facts.poolerConnections : 0;
  // Without a direct connection the heartbeat and cron go through the pooler too, and no process listens.
  const onServer = facts.direct
    ? { worker: HEARTBEAT + LISTEN, scheduler: HEARTBEAT + CRON, api: CRON_OF_API }
    : { worker: 0, scheduler: 0, api: 0 };
  const onPooler = facts.direct
    ? { worker: 0, scheduler: 0, api: 0 }
    : { worker: HEARTBEAT, scheduler: HEARTBEAT + CRON, api: CRON_OF_API };
  const perWorker = onServer.worker + (facts.pooled ? 0 : facts.poolSize);
  const perScheduler = onServer.scheduler + (facts.pooled ? 0 : facts.poolSize);
  const perApi = onServer.api + (facts.pooled ? 0 : facts.poolSize);
  const left = available - pooler - facts.schedulers * perScheduler - facts.apis * perApi;
  return {
    available,
    perWorker,
    perScheduler,
    perApi,
    pooler,
    clientsPerWorker: facts.pooled ? facts.poolSize + onPooler.worker : 0,
    clientsPerScheduler: facts.pooled ? facts.poolSize + onPooler.scheduler : 0,
    clientsPerApi: facts.pooled ? facts.poolSize + onPooler.api : 0,
    maxWorkers: left < 0 ? 0 : perWorker === 0 ? Number.POSITIVE_INFINITY : Math.floor(left / perWorker),
  };
}

/** What a fleet of this size may open on the server. */
export function committedConnections(budget: ConnectionBudget, { workers, schedulers, apis }: FleetProcesses): number {
  return budget.pooler + workers * budget.perWorker + schedulers * budget.perScheduler + apis * budget.perApi;
}

/** How many processes a fleet has of each role. */
export interface FleetProcesses {
  readonly workers: number;
  readonly schedulers: number;
  readonly apis: number;
}

/** The processes of the API are in no table: those that there are at least, by the connections that they have open. */
export const apisOf = (connections: number, poolSize: number): number => Math.ceil(connections / poolSize);
