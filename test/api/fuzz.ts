import { openApiDocument } from '../../src/api/openapi.ts';

/** Numbers that a seed decides: a request that hurt can be sent again. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Node = Record<string, unknown>;

export interface FuzzedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

const WEIRD = [
  '',
  ' ',
  '0',
  '-1',
  '999999999999999999',
  '9223372036854775808',
  'NaN',
  'true',
  'null',
  "'; DROP TABLE tasker_tasks; --",
  '<img src=x onerror=alert(1)>',
  '../../etc/passwd',
  '%00',
  '\u0000',
  '\ud800',
  '\u202e\u{1f600}',
  '__proto__',
  'constructor',
  'a'.repeat(300),
  '${7*7}',
  '{{7*7}}',
  '1e400',
  '2026-13-99T99:99:99Z',
  '2026-01-01T00:00:00Z',
  '-infinity',
] as const;

/** Paths that no encoder writes. */
const BROKEN_PATHS = [
  '%',
  '%zz',
  '%c0%af',
  '%2e%2e%2f',
  '/',
  ';x=1',
  ':cancel',
  '?%',
  '?a[b]=1',
  '?limit=1&limit=2',
  '#',
] as const;

/** What exists, by the names of parameters: without it, most requests would end where something is looked up. */
export type Known = Readonly<Record<string, readonly string[]>>;

/** Made once: the document takes tens of milliseconds, a hundred times as long as a request. */
let operations: readonly Operation[] | undefined;

/** A request for one of the operations of the document, as no program would make it. */
export function fuzzedRequest(random: () => number, known: Known): FuzzedRequest {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const chance = (share: number): boolean => random() < share;
  const { method, path, operation, schemas } = pick((operations ??= allOperations()));
  const value = (schema: Node, depth = 0): unknown =>
    fuzzedValue(schema, schemas, { known, pick, chance, random }, depth);
  const text = (schema: Node, name: string): string => {
    const existing = known[name];
    if (existing !== undefined && chance(0.7)) return pick(existing);
    return chance(0.5) ? pick(WEIRD) : String(value(schema));
  };
  const parameters = (operation['parameters'] ?? []) as Node[];
  let url = path;
  const query: string[] = [];
  const headers: Record<string, string> = {};
  for (const parameter of parameters) {
    const name = parameter['name'] as string;
    const schema = parameter['schema'] as Node;
    if (parameter['in'] === 'path') url = url.replace(`{${name}}`, encoded(text(schema, name)) || 'x');
    else if (parameter['in'] === 'query' && chance(0.4)) query.push(`${name}=${encoded(text(schema, name))}`);
    else if (parameter['in'] === 'header' && chance(0.2))
      headers[name] = pick(['*', '"1"', 'W/"1"', ', ,', 'x', 'a'.repeat(200), 'a'.repeat(300)]);
  }
  if (chance(0.1)) query.push(`${encoded(pick(WEIRD))}=1`);
  const content = Object.entries(((operation['requestBody'] as Node | undefined)?.['content'] ?? {}) as Node);
  const [type, media] = content[0] ?? [];
  let body: string | undefined;
  if (type !== undefined && chance(0.9)) {
    headers['content-type'] = chance(0.95)
      ? type
      : pick(['text/plain', 'application/xml', 'application/json; charset=utf-16']);
    body = chance(0.1) ? pick(WEIRD) : (JSON.stringify(value((media as Node)['schema'] as Node)) ?? 'null');
    if (type.includes('ndjson') && chance(0.5)) body = `${body}\n${body}`;
  }
  // A wait would only make the walk slow.
  const asked = query.filter((part) => !part.startsWith('wait_seconds='));
  const broken = chance(0.02) ? pick(BROKEN_PATHS) : '';
  return {
    method: method.toUpperCase(),
    path: `${url}${broken}${asked.length === 0 ? '' : `?${asked.join('&')}`}`,
    headers,
    body,
  };
}

/** Halves of surrogate pairs have no encoding. */
function encoded(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}

/** One that exists, often: `filter.workflow`, or one of the `task_ids`. */
function fuzzedMember(name: string, schema: Node, schemas: Node, choices: Choices, depth: number): unknown {
  const existing = choices.known[name] ?? choices.known[name.replace(/s$/, '')];
  if (existing === undefined || choices.chance(0.4)) return fuzzedValue(schema, schemas, choices, depth);
  return schema['type'] === 'array' ? [choices.pick(existing), choices.pick(existing)] : choices.pick(existing);
}

interface Choices {
  readonly known: Known;
  pick<Item>(items: readonly Item[]): Item;
  chance(share: number): boolean;
  random(): number;
}

function fuzzedValue(given: Node, schemas: Node, choices: Choices, depth: number): unknown {
  const { pick, chance, random } = choices;
  const reference = given['$ref'];
  const schema = typeof reference === 'string' ? (schemas[reference.split('/').at(-1) as string] as Node) : given;
  if (chance(0.1) || depth > 6)
    return pick([null, 1, -1, 1.5, true, [], {}, pick(WEIRD), [pick(WEIRD)], { a: pick(WEIRD) }]);
  if (Array.isArray(schema['enum'])) return pick(schema['enum'] as unknown[]);
  if (schema['const'] !== undefined) return schema['const'];
  for (const key of ['anyOf', 'oneOf'] as const) {
    if (Array.isArray(schema[key])) return fuzzedValue(pick(schema[key] as Node[]), schemas, choices, depth + 1);
  }
  switch (schema['type']) {
    case 'object':
      return Object.fromEntries(
        Object.entries((schema['properties'] ?? {}) as Record<string, Node>)
          .filter(() => chance(0.7))
          .map(([name, member]) => [name, fuzzedMember(name, member, schemas, choices, depth + 1)]),
      );
    case 'array':
      return Array.from({ length: Math.floor(random() * 4) }, () =>
        fuzzedValue((schema['items'] ?? {}) as Node, schemas, choices, depth + 1),
      );
    case 'integer':
    case 'number':
      return pick([0, 1, -1, 32_767, 2 ** 31, 1e300, 0.5, 50]);
    case 'boolean':
      return chance(0.5);
    case 'string':
      return pick([...WEIRD, 'diamond', 'default', 'a', 'fuzz']);
    default:
      return pick([...WEIRD, null, 1, { n: 1 }, [[[]]]]);
  }
}

interface Operation {
  method: string;
  path: string;
  operation: Node;
  schemas: Node;
}

function allOperations(): Operation[] {
  const document = openApiDocument() as { paths: Record<string, Record<string, Node>>; components: { schemas: Node } };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method,
      path,
      operation,
      schemas: document.components.schemas,
    })),
  );
}
