type Node = Record<string, unknown>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);
const node = (value: unknown): Node => (isNode(value) ? value : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** What a new document of the API takes away from programs that were written for the former one. */
export function breakingChanges(before: Node, after: Node): string[] {
  const changes: string[] = [];
  for (const [path, methods] of Object.entries(node(before['paths']))) {
    for (const [method, operation] of Object.entries(node(methods))) {
      const name = `${method.toUpperCase()} ${path}`;
      const now = node(node(node(after['paths'])[path])[method]);
      if (now['operationId'] === undefined) changes.push(`${name} is gone`);
      else changes.push(...ofOperation(name, node(operation), now, { before, after }));
    }
  }
  return changes;
}

interface Documents {
  readonly before: Node;
  readonly after: Node;
}

function ofOperation(name: string, before: Node, after: Node, documents: Documents): string[] {
  const changes: string[] = [];
  if (before['operationId'] !== after['operationId']) changes.push(`${name} has another operationId`);
  const parameters = (operation: Node): Map<string, Node> =>
    new Map(list(operation['parameters']).map((each) => [`${node(each)['in']} ${node(each)['name']}`, node(each)]));
  const [formerly, now] = [parameters(before), parameters(after)];
  for (const [id, parameter] of formerly) {
    const same = now.get(id);
    if (same === undefined) changes.push(`${name} has no parameter ${id}`);
    else changes.push(...ofSchema(`${name} ${id}`, parameter['schema'], same['schema'], 'request', documents));
  }
  for (const [id, parameter] of now) {
    if (parameter['required'] === true && formerly.get(id)?.['required'] !== true)
      changes.push(`${name} needs the parameter ${id}`);
  }
  const bodies = [before, after].map((operation) => node(operation['requestBody'])) as [Node, Node];
  if (bodies[1]['required'] === true && bodies[0]['required'] !== true) changes.push(`${name} needs a body`);
  changes.push(...ofContents(`${name} body`, bodies[0], bodies[1], 'request', documents));
  for (const [status, response] of Object.entries(node(before['responses']))) {
    if (!status.startsWith('2')) continue;
    const present = node(node(after['responses'])[status]);
    if (Object.keys(present).length === 0) changes.push(`${name} does not answer ${status}`);
    changes.push(...ofContents(`${name} ${status}`, node(response), present, 'response', documents));
  }
  return changes;
}

type Direction = 'request' | 'response';

function ofContents(where: string, before: Node, after: Node, direction: Direction, documents: Documents): string[] {
  return Object.entries(node(before['content'])).flatMap(([type, media]) => {
    const now = node(node(after['content'])[type]);
    if (Object.keys(now).length === 0) return [`${where} has no ${type}`];
    return ofSchema(where, node(media)['schema'], now['schema'], direction, documents);
  });
}

const MOST_DEPTH = 12;

function ofSchema(
  where: string,
  beforeSchema: unknown,
  afterSchema: unknown,
  direction: Direction,
  documents: Documents,
  depth = 0,
): string[] {
  if (depth > MOST_DEPTH) return [];
  const before = resolved(beforeSchema, documents.before);
  const after = resolved(afterSchema, documents.after);
  const changes: string[] = [];
  const deeper = (name: string, a: unknown, b: unknown): string[] =>
    ofSchema(`${where}.${name}`, a, b, direction, documents, depth + 1);
  const types = (schema: Node): string => JSON.stringify(schema['type'] ?? null);
  if (types(before) !== types(after)) changes.push(`${where} is ${types(after)} and was ${types(before)}`);
  const [formerValues, values] = [list(before['enum']), list(after['enum'])];
  // Programs send what they know, and should take what they do not know.
  if (direction === 'request' && values.length > 0) {
    for (const value of formerValues)
      if (!values.includes(value)) changes.push(`${where} does not take ${String(value)}`);
    if (formerValues.length === 0) changes.push(`${where} takes a few values only`);
  }
  const [members, membersNow] = [node(before['properties']), node(after['properties'])];
  for (const [name, member] of Object.entries(members)) {
    if (membersNow[name] === undefined) changes.push(`${where}.${name} is gone`);
    else changes.push(...deeper(name, member, membersNow[name]));
  }
  const [required, requiredNow] = [list(before['required']), list(after['required'])];
  if (direction === 'request') {
    for (const name of requiredNow) if (!required.includes(name)) changes.push(`${where}.${String(name)} is required`);
  } else {
    for (const name of required)
      if (!requiredNow.includes(name)) changes.push(`${where}.${String(name)} may be absent`);
  }
  if (before['items'] !== undefined) changes.push(...deeper('[]', before['items'], after['items']));
  for (const key of ['anyOf', 'oneOf'] as const) {
    const [one, two] = [list(before[key]), list(after[key])];
    if (one.length > two.length) changes.push(`${where} has fewer alternatives`);
    for (const [index, alternative] of one.entries())
      if (two[index] !== undefined) changes.push(...deeper(String(index), alternative, two[index]));
  }
  return changes;
}

function resolved(schema: unknown, document: Node): Node {
  const reference = node(schema)['$ref'];
  if (typeof reference !== 'string') return node(schema);
  const name = reference.replace('#/components/schemas/', '');
  return node(node(node(document['components'])['schemas'])[name]);
}
