type Node = Record<string, unknown>;

const node = (value: unknown): Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Node) : {};

/** What is wrong with a document of the API, as a reader or a generator of clients would find it. */
export function mistakesIn(document: Node): string[] {
  const mistakes: string[] = [];
  const ids = new Set<string>();
  const schemas = node(node(document['components'])['schemas']);
  for (const [path, methods] of Object.entries(node(document['paths']))) {
    for (const [method, given] of Object.entries(node(methods))) {
      const operation = node(given);
      const name = `${method.toUpperCase()} ${path}`;
      const id = String(operation['operationId']);
      if (!/^[a-z][A-Za-z]+$/.test(id)) mistakes.push(`${name}: operationId ${id} is no name in camel case`);
      if (ids.has(id)) mistakes.push(`${name}: operationId ${id} is there twice`);
      ids.add(id);
      const summary = String(operation['summary'] ?? '');
      if (summary === '' || summary.endsWith('.'))
        mistakes.push(`${name}: the summary is a phrase without a full stop`);
      if (operation['x-permission'] === undefined) mistakes.push(`${name}: it has no permission`);
      const declared = (operation['parameters'] as Node[])
        .filter((each) => each['in'] === 'path')
        .map((each) => each['name']);
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      if (JSON.stringify(declared) !== JSON.stringify(inPath))
        mistakes.push(`${name}: the path has ${inPath.join(', ')}, and declared are ${declared.join(', ')}`);
      const statuses = Object.keys(node(operation['responses']));
      if (!statuses.some((status) => status.startsWith('2'))) mistakes.push(`${name}: it has no success`);
    }
  }
  for (const [reference] of JSON.stringify(document).matchAll(/"#\/components\/(schemas|responses)\/\w+"/g)) {
    const [, , kind = '', name = ''] = (JSON.parse(reference) as string).split('/');
    if (node(node(document['components'])[kind])[name] === undefined) mistakes.push(`${reference} leads nowhere`);
  }
  for (const [name, schema] of Object.entries(schemas)) {
    if (node(schema)['description'] === undefined) mistakes.push(`schema ${name} has no description`);
  }
  return mistakes;
}
