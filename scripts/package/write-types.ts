import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

/** The paths of an import or export at the beginning of a line, and of a type by `import('...')`. */
const OWN = /(^(?:import|export)\b[^;'"=]*\bfrom |^import |\bimport\()(['"])(\.[^'"]+)\.ts\2/gm;
const PACKAGE = /(^(?:import|export)\b[^;'"=]*\bfrom |^import |\bimport\()(['"])([^.'"][^'"]*)\2/gm;

/**
 * Copies those declarations that the entries reach, with the endings of CommonJS, and beside each entry one for ECMAScript modules that exports
 * all of it. TypeScript takes the format of a declaration from its ending: in older modes it refuses to `require` a module, and it lets a module
 * import either. A second copy of all would be a quarter of the files that an installation writes. Returns the packages that they import.
 */
export function writeTypes(from: string, to: string, entries: readonly string[]): Set<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file, 'utf8');
    const target = join(to, relative(from, file));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target.replace(/\.d\.ts$/, '.d.cts'), text.replaceAll(OWN, '$1$2$3.cjs$2'));
    for (const [, , , path = ''] of text.matchAll(OWN)) visit(join(dirname(file), `${path}.d.ts`));
    for (const [, , , name = ''] of text.matchAll(PACKAGE)) packages.add(name);
  };
  for (const entry of entries) {
    const file = join(from, entry.replace(/\.ts$/, '.d.ts'));
    if (!existsSync(file)) throw new Error(`the compiler wrote no ${file}`);
    visit(file);
    const name = basename(entry, '.ts');
    writeFileSync(join(to, dirname(entry), `${name}.d.ts`), `export * from './${name}.cjs';\n`);
  }
  return packages;
}
