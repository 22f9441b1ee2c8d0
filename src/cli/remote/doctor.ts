import type { ApiClient } from '../../http/api-client.ts';
import type { ConnectionReport, FleetSize } from '../../reads/connections.ts';
import type { ResponseOf } from '../../http/types.ts';

/** What the checks of the data found: numbers, and the keys of some rows. It reads whole tables, which may take minutes. */
export const remoteDoctor = (api: ApiClient): Promise<ResponseOf<'GET /v1/health/doctor'>> =>
  api.get('/v1/health/doctor', { timeoutMs: 600_000 });

/** The connection budget, with the settings of the API. */
export async function remoteConnections(api: ApiClient, size: FleetSize): Promise<ConnectionReport> {
  const { workers, schedulers, apis } = size;
  const { budget, ...report } = await api.get('/v1/health/connections', { query: { workers, schedulers, apis } });
  return {
    ...report,
    budget: {
      available: budget.available,
      perWorker: budget.per_worker,
      perScheduler: budget.per_scheduler,
      perApi: budget.per_api,
      pooler: budget.pooler,
      clientsPerWorker: budget.clients_per_worker,
      clientsPerScheduler: budget.clients_per_scheduler,
      clientsPerApi: budget.clients_per_api,
      maxWorkers: budget.max_workers ?? Number.POSITIVE_INFINITY,
    },
  };
}
