import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { requestTraceId } from '../../tracing/incoming.ts';
import { type Problem, problemDocument } from '../problem.ts';
import type { Answer, Route } from '../route.ts';
import { requestIdOf } from './request-id.ts';

/** Of every answer: it is data, for one principal, and no page. */
const HEADERS = {
  'cache-control': 'private, no-cache',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

const JSON_TYPE = 'application/json; charset=utf-8';
const TEXT_TYPE = 'text/plain; charset=utf-8';

export function send(reply: FastifyReply, { status = 200, body, headers = {} }: Answer, route?: Route): FastifyReply {
  reply.code(status).headers({ ...HEADERS, ...headers });
  if (body === undefined) return reply.send();
  if (body instanceof Readable) return reply.type(route?.produces ?? JSON_TYPE).send(body);
  if (route?.produces !== undefined && Array.isArray(body)) {
    const lines = body.map((line) => `${JSON.stringify(line)}\n`).join('');
    return reply.type(route.produces).send(lines);
  }
  const type = route?.produces === 'text/plain' ? TEXT_TYPE : (route?.produces ?? JSON_TYPE);
  return reply.type(type).send(Buffer.isBuffer(body) ? body : JSON.stringify(body));
}

/** The same answer for several, serialised once. */
export function inBytes(answer: Answer): Answer {
  const { body } = answer;
  return body === undefined || Buffer.isBuffer(body) ? answer : { ...answer, body: Buffer.from(JSON.stringify(body)) };
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { headers } = reply.request;
  return reply
    .code(problem.status)
    .headers({ ...HEADERS, ...problem.headers, 'cache-control': 'no-store' })
    .type('application/problem+json; charset=utf-8')
    .send(JSON.stringify(problemDocument(problem, requestIdOf(headers), requestTraceId(headers))));
}
