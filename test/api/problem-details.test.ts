import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkRequest } from '../../src/api/http/check-request.ts';
import { Problem } from '../../src/api/problem.ts';
import type { Route } from '../../src/api/route.ts';
import { ROUTES } from '../../src/api/routes/index.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call } = fixture;
let key: string;
let workflow: number;
beforeAll(async () => {
  key = await fixture.key();
  workflow = await fixture.workflow(diamond);
});

const problems = (route: Route, given: { query?: unknown; body?: unknown; params?: unknown }) => {
  try {
    checkRequest(route, { params: given.params ?? {}, query: given.query ?? {}, body: given.body });
    return [];
  } catch (error) {
    return (error as Problem).errors;
  }
};

/** Words of a schema about itself: whoever reads them has to know it. */
const OF_A_SCHEMA = /Invalid|Too (small|big)|expected|received|undefined|NaN|nonoptional/;

const shapeOf = (schema: z.ZodType | undefined): Record<string, z.ZodType> => {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) inner = inner.unwrap() as z.ZodType;
  return inner instanceof z.ZodObject ? (inner.shape as Record<string, z.ZodType>) : {};
};

describe('a problem has the value that was sent and what to send instead', () => {
  it.each(ROUTES.map((route) => [route.operation, route] as const))('%s', (_, route) => {
    const found = [
      ...Object.keys(shapeOf(route.params)).flatMap((name) => problems(route, { params: { [name]: '' } })),
      ...Object.keys(shapeOf(route.query)).flatMap((name) =>
        ['', 'zz zz', '-1', ['1', '2']].flatMap((value) => problems(route, { query: { [name]: value } })),
      ),
      ...(route.body === undefined
        ? []
        : [undefined, null, [], 'text', 5].flatMap((body) => problems(route, { body }))),
      ...Object.keys(shapeOf(route.body)).flatMap((name) =>
        [null, {}, [], [{}], '', -1, 1e9, true].flatMap((value) => problems(route, { body: { [name]: value } })),
      ),
    ];
    for (const { pointer, detail } of found) {
      expect(detail, `${pointer} ${detail}`).not.toMatch(OF_A_SCHEMA);
      expect(detail, `${pointer} ${detail}`).toMatch(/: \S|, which |: give it once$/);
      expect(pointer).toMatch(/^([\w]+|(\/[^/]*)*)$/);
    }
  });
});

it.each([
  ['GET', '/v1/tasks?limit=abc', undefined, 'limit', 'is "abc": send a number'],
  ['GET', '/v1/tasks?limit=0', undefined, 'limit', 'is "0": send at least 1'],
  ['GET', '/v1/tasks?limit=1&limit=2', undefined, 'limit', 'is given 2 times: give it once'],
  ['GET', '/v1/tasks?state=eror', undefined, 'state', 'is "eror": did you mean "error"?'],
  [
    'GET',
    '/v1/tasks?requested_since=yesterday',
    undefined,
    'requested_since',
    'is "yesterday": send a time in UTC such as 2026-03-01T09:40:00Z',
  ],
  ['GET', '/v1/tasks/abc', undefined, 'task_id', 'is "abc", which is no id of a task: up to 18 digits'],
  ['POST', '/v1/tasks', '', '', 'is missing: send an object'],
  ['POST', '/v1/tasks', [], '', 'is []: send an object'],
  ['POST', '/v1/tasks', { input: {} }, '/workflow', 'is missing: send a text'],
  ['POST', '/v1/tasks', { workflow: 'x' }, '/input', 'is missing: send any JSON'],
  [
    'POST',
    '/v1/tasks/1:retry',
    { reason: 'a'.repeat(2001) },
    '/reason',
    'has 2001 characters: send at most 2000 characters',
  ],
  [
    'POST',
    '/v1/operations',
    { action: 'retry', filter: { stat: ['error'] } },
    '/filter/stat',
    'is not known: did you mean "state"?',
  ],
  ['POST', '/v1/operations', { action: 'retry', canary: '1' }, '/canary', '"1" is no share of the tasks: such as 1%'],
])('%s %s %j: %s %s', async (method, path, body, pointer, detail) => {
  const { body: problem } = await call(method, path, { key, ...(body === undefined ? {} : { body }) });
  expect(problem).toMatchObject({ errors: [{ pointer, detail }] });
});

it('a line of a batch that cannot be read has a problem of its own, and the others are submitted', async () => {
  const lines = ['{"namespace":"shop","workflow":"diamond"', '{"input":{"n":9007199254740993}}', '5', '{}'];
  const { status, text } = await call('POST', '/v1/tasks:batch', {
    key,
    body: lines.join('\n'),
    headers: { 'content-type': 'application/x-ndjson' },
  });
  expect(status).toBe(200);
  const details = text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { detail: string }).detail);
  expect(details[0]).toMatch(/^line 1 is no JSON: .*position 40/);
  expect(details[1]).toBe('line 2: the number 9007199254740993 of "n" cannot be held exactly: send it as a text');
  expect(details[2]).toContain('is 5: send an object');
  expect(details[3]).toContain('/workflow is missing: send a text');
});

it.each([
  ['POST', '/v1/tasks/1:foo', 404, 'there is no act "foo" here: there are cancel, retry, rerun, resolve'],
  ['POST', '/v1/tasks/1:retri', 404, 'there is no act "retri" here: did you mean "retry"?'],
  ['GET', '/v1/tasks/1/', 404, 'there is no such path: leave the / at its end out'],
  ['GET', '/v1/tusks', 404, 'there is no path "/v1/tusks": openapi.json has all that there are'],
  ['DELETE', '/v1/tasks/1', 405, '"DELETE" is none of the methods of this path: it has GET, HEAD'],
  ['GET', '/v1/tasks/%ZZ', 400, 'the path has a % without two hexadecimal digits: write % itself as %25'],
])('%s %s is %i: %s', async (method, path, status, detail) => {
  expect(await call(method, path, { key })).toMatchObject({ status, body: { detail } });
});

it('HEAD has the headers of GET, and no body', async () => {
  const id = await fixture.submitOne(workflow);
  for (const path of [`/v1/tasks/${id}`, '/v1/tasks', '/livez', `/v1/tasks/${id}/payloads/input`]) {
    const [head, get] = [await call('HEAD', path, { key }), await call('GET', path, { key })];
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
    expect(head.headers.get('etag')).toBe(get.headers.get('etag'));
  }
  expect(await call('HEAD', '/v1/tasks/1')).toMatchObject({ status: 401, text: '' });
  expect((await call('HEAD', '/v1/events?topics=tasks', { key })).status).toBe(405);
});
