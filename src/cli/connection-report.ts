import type { ConnectionReport } from '../reads/connections.ts';
import { table } from './table.ts';

/** The connection budget as text. */
export function drawConnections(report: ConnectionReport): string {
  const { budget } = report;
  const most = Number.isFinite(budget.maxWorkers)
    ? String(budget.maxWorkers)
    : 'any number: they open none on the server';
  const rows: [string, string][] = [
    ['max_connections', String(report.max_connections)],
    ['kept by the server', String(report.reserved_by_server)],
    ['kept for others (TASKER_RESERVED_CONNECTIONS)', String(report.reserved_for_others)],
    ...(report.role_limit === null ? [] : ([['limit of the role', String(report.role_limit)]] as [string, string][])),
    ...(report.database_limit === null
      ? []
      : ([['limit of the database', String(report.database_limit)]] as [string, string][])),
    ['available to the fleet', String(budget.available)],
    ...(report.pooled ? ([['pooler (TASKER_POOLER_CONNECTIONS)', String(budget.pooler)]] as [string, string][]) : []),
    [`schedulers: ${report.schedulers} x ${budget.perScheduler}`, String(report.schedulers * budget.perScheduler)],
    [`processes of the API: ${report.apis} x ${budget.perApi}`, String(report.apis * budget.perApi)],
    [`workers: ${report.workers} x ${budget.perWorker}`, String(report.workers * budget.perWorker)],
    ['committed', String(report.committed)],
    ['most workers', most],
    ...(report.pooled
      ? ([['clients of the pooler (its max_client_conn)', String(report.pooler_clients)]] as [string, string][])
      : []),
    ['in use now', String(report.used_now)],
  ];
  const applications = report.by_application.map(({ application, connections }) => [application, String(connections)]);
  return [
    table(['CONNECTIONS', ''], rows, ''),
    table(['NOW BY APPLICATION', ''], applications, 'nobody is connected'),
    report.problems.length === 0 ? 'the fleet fits' : report.problems.join('\n'),
  ].join('\n\n');
}
