import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Values whose types are taken apart in signatures (`keyof typeof CATALOGUE`), a type under another name, and the type of `client.db`,
 * which is not for programs, and what the base class of a client is made of.
 */
const NAMELESS = new Set(['CATALOGUE', 'STATES', 'UntypedOptions', 'Database', 'ClientParts']);

/**
 * The types in the declarations of what `index` (the text of index.d.cts) exports that it does not export, as `Client: WorkflowRow`.
 * Counts those that another module imports or could import; a module's own helper types have no name for anybody.
 */
export function missingExports(folder: string, index: string): string[] {
  const exported = new Set<string>();
  const declared: { name: string; file: string }[] = [];
  for (const [, names = '', target = ''] of index.matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)'/g)) {
    for (const [name, as] of namesOf(names)) {
      exported.add(as);
      declared.push({ name, file: join(folder, target.replace(/\.(cjs|ts)$/, '.d.cts')) });
    }
  }
  const missing = declared.flatMap(({ name, file }) =>
    typesOf(name, file)
      .filter((type) => !exported.has(type) && !NAMELESS.has(type))
      .map((type) => `${name}: ${type}`),
  );
  return [...new Set(missing)].toSorted();
}

/** The names in a list of imports or exports, with the names under which they go on. */
const namesOf = (list: string): [name: string, as: string][] =>
  list
    .split(',')
    .map((each) => each.trim().replace(/^type /, ''))
    .filter((each) => each !== '')
    .map((each) => {
      const [name = '', as = name] = each.split(' as ');
      return [name, as];
    });

/** The types that other modules can name, in the declarations of `name` in this file. */
function typesOf(name: string, file: string): string[] {
  const text = readFileSync(file, 'utf8')
    .replaceAll(/\/\*[^]*?\*\//g, '')
    .replaceAll(/^ *private .*$/gm, '');
  const statements = text.split(/^(?=(?:export|declare|interface|type|import) )/m);
  const nameable = new Set<string>();
  for (const statement of statements) {
    const [, imported] = /^import (?:type )?\{([^}]*)\} from '\./.exec(statement) ?? [];
    if (imported !== undefined) for (const [, as] of namesOf(imported)) nameable.add(as);
    const [, own] = /^export (?:declare )?(?:class|interface|type) (\w+)/.exec(statement) ?? [];
    if (own !== undefined) nameable.add(own);
  }
  const own = new RegExp(String.raw`^export (?:declare )?(?:class|interface|type|function|const) ${name}\b`);
  return statements
    .filter((statement) => own.test(statement))
    .flatMap((statement) => statement.match(/\b[A-Z]\w+\b/g) ?? [])
    .filter((word) => word !== name && nameable.has(word));
}
