import { z } from 'zod';
import type { SteerOutcome } from '../../engine/operations/steer.ts';
import { steeringRefusalText } from '../../engine/refusal-text.ts';
import { Problem } from '../problem.ts';
import { type Answer, defineRoute, type RouteRequest } from '../route.ts';
import { reason } from '../schemas/common.ts';
import { operation, OPERATION_EXAMPLE } from '../schemas/operations.ts';
import { ALLOWED, operationView, params, scopeOf } from './operations.ts';

const common = { method: 'POST', permission: 'bulk:operate', scope: 'namespace', cost: 'write', params } as const;

const body = z.strictObject({ reason: reason.optional() }).optional();

/** A refusal is not thrown: the audit has it, which a transaction that is rolled back would lose. */
function answerOf(
  outcome: SteerOutcome,
  request: Pick<RouteRequest, 'principal' | 'redact'> & { params: { operation_id: string } },
): Answer {
  if ('operation' in outcome) return { body: operationView(outcome.operation, request) };
  const state = 'state' in outcome ? outcome.state : undefined;
  const why = steeringRefusalText(request.params.operation_id, outcome.outcome, state);
  if (outcome.outcome === 'not_found') return { problem: new Problem('NOT_FOUND', why) };
  const members = state === undefined ? outcome : { ...outcome, allowed_actions: ALLOWED[state] };
  return { problem: new Problem('REFUSED', why, { members }) };
}

export const startOperation = defineRoute({
  ...common,
  operation: 'startOperation',
  act: 'operation.start',
  path: '/v1/operations/{operation_id}:start',
  summary: 'Let a bulk operation run that was previewed',
  description:
    'Schedulers begin within a second. Whoever starts it is responsible for it: what they may do is examined again with each chunk of tasks.',
  body: z.strictObject({ token: z.string().max(100).describe('Of the preview.'), reason: reason.optional() }),
  response: operation,
  example: {
    body: { token: '12-5f0c1d...' },
    response: { ...OPERATION_EXAMPLE, waiting: 214, done: 0, refused: 0, settled: 0, came_back: 0 },
  },
  async handle(request) {
    const { client, params: of, body: given, principal, transaction } = request;
    const steer = { ...scopeOf(principal), by: principal.name, reason: given.reason, transaction };
    return answerOf(await client.operations.startPreview(of.operation_id, given.token, steer), request);
  },
});

export const pauseOperation = defineRoute({
  ...common,
  operation: 'pauseOperation',
  act: 'operation.pause',
  path: '/v1/operations/{operation_id}:pause',
  summary: 'Let a bulk operation wait',
  description: 'After the answer nothing more happens until it is resumed.',
  body,
  response: operation,
  example: {
    body: { reason: 'the bank is slow' },
    response: {
      ...OPERATION_EXAMPLE,
      state: 'paused',
      why: 'by ada: the bank is slow',
      allowed_actions: ['resume', 'abort'],
    },
  },
  async handle(request) {
    const { client, params: of, body: given, principal, transaction } = request;
    const steer = { ...scopeOf(principal), by: principal.name, reason: given?.reason, transaction };
    return answerOf(await client.operations.pause(of.operation_id, steer), request);
  },
});

export const resumeOperation = defineRoute({
  ...common,
  operation: 'resumeOperation',
  act: 'operation.resume',
  path: '/v1/operations/{operation_id}:resume',
  summary: 'Go on with a bulk operation that was paused or stopped by itself',
  description:
    'After a stop, what came back until now no longer counts, and the canary is over. Of one that waits for its canary: go on without. Whoever resumes it is responsible for what follows.',
  body,
  response: operation,
  example: { body: { reason: 'repaired' }, response: OPERATION_EXAMPLE },
  async handle(request) {
    const { client, params: of, body: given, principal, transaction } = request;
    const steer = { ...scopeOf(principal), by: principal.name, reason: given?.reason, transaction };
    return answerOf(await client.operations.resume(of.operation_id, steer), request);
  },
});

export const abortOperation = defineRoute({
  ...common,
  operation: 'abortOperation',
  act: 'operation.abort',
  path: '/v1/operations/{operation_id}:abort',
  summary: 'End a bulk operation for good',
  description: 'After the answer nothing more happens. What was done stays done.',
  body,
  response: operation,
  example: {
    body: { reason: 'the wrong tasks' },
    response: {
      ...OPERATION_EXAMPLE,
      state: 'aborted',
      why: 'by ada: the wrong tasks',
      ended_at: '2026-03-01T09:41:00.000Z',
      allowed_actions: [],
    },
  },
  async handle(request) {
    const { client, params: of, body: given, principal, transaction } = request;
    const steer = { ...scopeOf(principal), by: principal.name, reason: given?.reason, transaction };
    return answerOf(await client.operations.abort(of.operation_id, steer), request);
  },
});
