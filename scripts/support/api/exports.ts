import { dirname, join } from 'node:path';
import { sourceFile } from './source-file.ts';

/** The declaration of an export. */
export interface Origin {
  /** A module of this package, or the name of another package. */
  path: string;
  name: string;
}

/** What a module exports, by exported name, followed to the modules of the package that declare it. */
export function exportsOf(path: string): Map<string, Origin> {
  const found = new Map<string, Origin>();
  for (const statement of sourceFile(path).statements) {
    if (statement.type === 'ExportAllDeclaration') {
      for (const [name, origin] of exportsOf(resolve(path, statement.source.value))) found.set(name, origin);
    } else if (statement.type === 'ExportNamedDeclaration') {
      for (const { local, exported } of statement.specifiers) {
        const from = statement.source === null ? path : resolve(path, statement.source.value);
        found.set(
          nameOf(exported),
          statement.source === null ? originOf(from, nameOf(local)) : exportOf(from, nameOf(local)),
        );
      }
      for (const name of declaredNames(statement.declaration)) found.set(name, { path, name });
    }
  }
  return found;
}

export const isForeign = ({ path }: Origin): boolean => !path.endsWith('.ts');

function exportOf(path: string, name: string): Origin {
  if (isForeign({ path, name })) return { path, name };
  const origin = exportsOf(path).get(name);
  if (origin === undefined) throw new Error(`${path} does not export ${name}`);
  return origin;
}

/** Where a name that a module uses is declared: in it, or in the module of the package that it imports the name from. */
export function originOf(path: string, name: string): Origin {
  return importOf(path, name) ?? { path, name };
}

/** Undefined for a name that is not imported from a module of the package. */
export function importOf(path: string, name: string): Origin | undefined {
  for (const statement of sourceFile(path).statements) {
    if (statement.type !== 'ImportDeclaration' || !statement.source.value.startsWith('.')) continue;
    for (const specifier of statement.specifiers) {
      if (specifier.type !== 'ImportSpecifier' || specifier.local.name !== name) continue;
      return exportOf(resolve(path, statement.source.value), nameOf(specifier.imported));
    }
  }
  return undefined;
}

type Declaration = Extract<
  ReturnType<typeof sourceFile>['statements'][number],
  { type: 'ExportNamedDeclaration' }
>['declaration'];

export function declaredNames(declaration: Declaration): string[] {
  if (declaration === null) return [];
  if (declaration.type === 'VariableDeclaration') {
    return declaration.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []));
  }
  return 'id' in declaration && declaration.id !== null && 'name' in declaration.id
    ? [String(declaration.id.name)]
    : [];
}

const resolve = (from: string, target: string): string =>
  target.startsWith('.') ? join(dirname(from), target) : target;
const nameOf = (name: { type: string; name?: string; value?: string }): string => name.name ?? name.value ?? '';
