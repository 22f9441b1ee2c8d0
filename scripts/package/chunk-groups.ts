import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Metafile, Plugin } from 'esbuild';

/** An entry that needs fewer modules of a group does without the group: those are a chunk of their own. */
const SOME = 8;
const OWN = /^(src|migrations)\//;

/**
 * esbuild makes a chunk for each set of entries that share modules. Modules that are nearly always loaded together would be thirty files,
 * and to find a file takes as long as to compile one of ten kilobytes. So what each of `roots` loads, the smallest first, is put together:
 * whoever loads some modules of such a group loads all of it. `unless`: entries that stay as they are.
 */
export function chunkGroups(found: Metafile, roots: readonly string[], unless: readonly string[]): Plugin {
  const loads = modulesByEntry(found);
  const groups: string[][] = [];
  for (const root of roots) {
    const earlier = new Set(groups.flat());
    // Packages follow the modules that use them. An entry has a file of its own in any case.
    groups.push((loads.get(root) ?? []).filter((file) => OWN.test(file) && !earlier.has(file) && !loads.has(file)));
  }
  const toLoad = new Map<string, string[]>();
  for (const [entry, files] of loads) {
    if (unless.includes(entry)) continue;
    const needed = groups.findLastIndex((group) => group.filter((file) => files.includes(file)).length >= SOME);
    if (needed >= 0)
      toLoad.set(
        resolve(entry),
        groups
          .slice(0, needed + 1)
          .flat()
          .map((file) => resolve(file)),
      );
  }
  const grouped = new Set(groups.flat().map((file) => resolve(file)));
  return {
    name: 'chunk groups',
    setup({ onLoad, onResolve }) {
      // Otherwise an import without names is left out: package.json calls the modules free of side effects.
      onResolve({ filter: /\.ts$/ }, ({ path, resolveDir, importer }) => {
        const file = resolve(importer === '' ? resolveDir : dirname(importer), path);
        return grouped.has(file) ? { path: file, sideEffects: true } : undefined;
      });
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const files = toLoad.get(path);
        if (files === undefined) return undefined;
        const imports = files.map((file) => `import ${JSON.stringify(file)};`).join('\n');
        return { contents: `${readFileSync(path, 'utf8')}\n${imports}`, loader: 'ts', resolveDir: dirname(path) };
      });
    },
  };
}

/** The modules that each entry loads, whether it is one of the package's or the target of an import that is a call. */
function modulesByEntry({ outputs }: Metafile): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [name, { entryPoint }] of Object.entries(outputs)) {
    if (entryPoint === undefined) continue;
    const chunks = new Set([name]);
    for (const chunk of chunks) {
      for (const { kind, path, external } of outputs[chunk]?.imports ?? [])
        if (kind === 'import-statement' && external !== true) chunks.add(path);
    }
    found.set(
      entryPoint,
      [...chunks].flatMap((chunk) => Object.keys(outputs[chunk]?.inputs ?? {})),
    );
  }
  return found;
}
