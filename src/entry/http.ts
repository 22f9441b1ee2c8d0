/** `tasker-fleet/http`: a client of the HTTP API, for browsers and Node. Loads nothing else. */
export { ApiClient, type ApiClientOptions, createApiClient } from '../http/api-client.ts';
export { ApiError, type ApiErrorCode } from '../http/error.ts';
export type * from '../http/operations.ts';
export type {
  ApiResponse,
  Arguments,
  ItemOf,
  ListName,
  OperationName,
  PathOf,
  RequestOptions,
  ResponseOf,
} from '../http/types.ts';
