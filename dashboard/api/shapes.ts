import type { ResponseOf } from '../../src/http/types.ts';

/** What pages of the fleet read, as the contract of the API has it. */
export type Failures = ResponseOf<'GET /v1/failures'>;
export type FailureGroup = Failures['items'][number];
export type Operation = ResponseOf<'GET /v1/operations'>['items'][number];
export type OperationItem = ResponseOf<'GET /v1/operations/{operation_id}/items'>['items'][number];
export type PreviewedOperation = ResponseOf<'POST /v1/operations'>;
export type Coverage = ResponseOf<'GET /v1/coverage'>['items'][number];
export type Definition = ResponseOf<'GET /v1/workflows/{namespace}/{workflow}'>['items'][number];
export type QueueRow = ResponseOf<'GET /v1/queues'>['items'][number];
export type QueueDetails = ResponseOf<'GET /v1/queues/{queue}'>;
export type FleetProcess = ResponseOf<'GET /v1/workers'>['items'][number];
export type Schedule = ResponseOf<'GET /v1/schedules'>['items'][number];
export type DoctorReport = ResponseOf<'GET /v1/health/doctor'>;
export type AuditedAct = ResponseOf<'GET /v1/audit'>['items'][number];
export type StepStats = ResponseOf<'GET /v1/stats'>['items'][number];
