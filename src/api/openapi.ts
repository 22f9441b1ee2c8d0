import { z } from 'zod';
import { VERSION } from '../version.ts';
import { PROBLEMS, type ProblemCode } from './problem.ts';
import type { Route } from './route.ts';
import { ROUTES } from './routes/index.ts';

type Schema = Record<string, unknown>;

const DESCRIPTION =
  'Submit, watch and steer tasks. Words are those of the tables and of `tasker --json`: snake_case, ids as texts, times in RFC 3339 (UTC). Within /v1 things are only added.';

/** The document of the API: OpenAPI 3.1, made of the routes. */
export function openApiDocument(): Schema {
  const components = new Components();
  const paths: Record<string, Schema> = {};
  for (const route of ROUTES) {
    const methods = (paths[route.path] ??= {});
    methods[route.method.toLowerCase()] = operation(route, components);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Tasker Fleet',
      version: VERSION,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: tags().map((name) => ({ name })),
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'A key of `tasker api-keys create`.' } },
      schemas: { ...components.schemas, Problem: problemSchema() },
      responses: problemResponses(),
    },
  };
}

const tagOf = ({ path }: Route): string => /^\/v1\/(\w[\w-]*)/.exec(path)?.[1] ?? 'probes';
const tags = (): string[] => [...new Set(ROUTES.map(tagOf))];

function operation(route: Route, components: Components): Schema {
  const success = String(route.status ?? 200);
  const type = route.produces ?? 'application/json';
  const consumed = route.consumes ?? 'application/json';
  const body = components.add(route.response, 'output');
  const answer = {
    description: 'Done',
    ...(route.method === 'GET' ? {} : {}),
    content: { [type]: { schema: body, ...exampleOf(route, type, route.example.response) } },
  };
  return {
    operationId: route.operation,
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    tags: [tagOf(route)],
    ...(route.permission === 'public' ? { security: [] } : {}),
    'x-permission': route.permission,
    'x-scope': route.scope,
    'x-cost': route.cost,
    parameters: [
      ...parameters(route.params, 'path', components),
      ...parameters(route.query, 'query', components),
      ...headerParameters(route),
    ],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: !route.body.safeParse(undefined).success,
            content: {
              [consumed]: {
                schema: components.add(route.body, 'input'),
                ...exampleOf(route, consumed, route.example.body),
              },
            },
          },
        }),
    responses: {
      [success]: answer,
      ...(success === '201' && route.operation === 'submitTask' ? { '200': answer } : {}),
      ...(route.operation === 'getPayload' ? { '206': { description: 'A part of it, by `Range`' } } : {}),
      ...(route.method === 'PUT' ? { '201': { ...answer, description: 'Made' } } : {}),
      ...(route.tagged === true ? { '304': { description: 'Not changed' } } : {}),
      ...Object.fromEntries(
        statusesOf(route).map((status) => [String(status), { $ref: `#/components/responses/Problem${status}` }]),
      ),
    },
  };
}

/** Lines are no one JSON document. */
function exampleOf({ produces, consumes }: Route, type: string, example: unknown): Schema {
  if (type !== 'application/json' && (produces ?? consumes) !== undefined) return {};
  return example === undefined ? {} : { example };
}

function parameters(schema: z.ZodObject | undefined, where: 'path' | 'query', components: Components): Schema[] {
  return Object.entries(schema?.shape ?? {}).map(([name, member]) => {
    const { description, ...rest } = components.add(member as z.ZodType, 'input');
    const required = where === 'path' || !(member as z.ZodType).safeParse(undefined).success;
    return {
      name,
      in: where,
      required,
      ...(description === undefined ? {} : { description }),
      schema: rest,
      ...(rest['type'] === 'array' ? { style: 'form', explode: false } : {}),
    };
  });
}

function headerParameters(route: Route): Schema[] {
  const header = (name: string, description: string): Schema => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  });
  const tagged =
    route.tagged === true ? [header('If-None-Match', '`ETag` of the last answer: 304 if nothing has changed.')] : [];
  if (route.operation === 'getPayload') {
    return [
      ...tagged,
      header('Range', 'One range of bytes, such as `bytes=1000-`: that part, with 206.'),
      header('If-Range', '`ETag` of an earlier part: the whole document if it is another one by now.'),
    ];
  }
  if (route.method === 'GET' || route.secret === true) return tagged;
  return [
    header('Idempotency-Key', 'For a day, the same key with the same body is done once, and answered alike.'),
    ...(route.matches === true
      ? [header('If-Match', `\`ETag\` of the ${subjectOf(route)} as it was read: 412 if it has changed since.`)]
      : []),
    ...(route.method === 'PUT'
      ? [header('If-None-Match', `\`*\`: 412 if there is a ${subjectOf(route)} already.`)]
      : []),
  ];
}

const subjectOf = ({ path }: Route): string => (path.includes('{task_id}') ? 'task' : 'schedule');

/** Which problems an operation can have. */
function statusesOf(route: Route): number[] {
  const codes: ProblemCode[] = ['INTERNAL', 'OVERLOADED'];
  if (route.permission !== 'public') codes.push('REQUEST_INVALID', 'UNAUTHENTICATED', 'FORBIDDEN', 'TOO_MANY_REQUESTS');
  if (route.params !== undefined || route.operation.startsWith('submit')) codes.push('NOT_FOUND');
  if (route.method !== 'GET') codes.push('REFUSED', 'INPUT_INVALID');
  if (route.body !== undefined) codes.push('BODY_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED');
  if (route.operation === 'getPayload') codes.push('RANGE_UNSATISFIABLE');
  if (route.matches === true) codes.push('PRECONDITION_FAILED');
  return [...new Set(codes.map((code) => PROBLEMS[code].status))].toSorted((a, b) => a - b);
}

function problemResponses(): Schema {
  const statuses = [...new Set(Object.values(PROBLEMS).map(({ status }) => status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const titles = Object.values(PROBLEMS).filter((problem) => problem.status === status);
      return [
        `Problem${status}`,
        {
          description: titles.map(({ title }) => title).join('; '),
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      ];
    }),
  );
}

function problemSchema(): Schema {
  return {
    type: 'object',
    description: 'Why a request was not done (RFC 9457).',
    required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
    properties: {
      type: { type: 'string', format: 'uri' },
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string' },
      code: { type: 'string', enum: Object.keys(PROBLEMS) },
      errors: {
        type: 'array',
        items: {
          type: 'object',
          required: ['pointer', 'detail'],
          properties: { pointer: { type: 'string' }, detail: { type: 'string' } },
        },
      },
      outcome: { type: 'string', description: 'Of a refused act.' },
      state: { type: 'string', description: 'Of what a refused act is about.' },
      allowed_actions: {
        type: 'array',
        items: { type: 'string' },
        description: 'Of a refused act on a task: what it would not refuse now.',
      },
      request_id: { type: 'string' },
      trace_id: { type: 'string', description: 'Of the trace of the request, if it belongs to one.' },
    },
  };
}

/** Schemas with an id are written once, and referred to. */
class Components {
  readonly schemas: Record<string, Schema> = {};

  add(schema: z.ZodType, io: 'input' | 'output'): Schema {
    const {
      $defs = {},
      $schema: _draft,
      ...rest
    } = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      override: ({ jsonSchema }) => {
        // A page that grows a member must not break whoever reads it.
        if (io === 'output') delete jsonSchema.additionalProperties;
      },
    }) as Schema & { $defs?: Record<string, Schema> };
    for (const [name, { id: _id, ...definition }] of Object.entries($defs)) this.schemas[name] = relinked(definition);
    const { id, ...plain } = rest;
    if (typeof id !== 'string') return relinked(plain);
    this.schemas[id] = relinked(plain);
    return { $ref: `#/components/schemas/${id}` };
  }
}

/** References inside of one schema, as references inside of the document. */
function relinked(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Schema;
}
