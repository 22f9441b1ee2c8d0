import { dirname, resolve } from 'node:path';
import type { Metafile, Plugin } from 'esbuild';

/** An entry that needs fewer modules of a group does without the group: those are a chunk of their own. */
const SOME = 8;
const OWN = /^(src|migrations)\//;

/**
 * esbuild makes a chunk for each set of entries that share modules. Modules that are nearly always loaded together would be thirty files,
 * and to find a file takes as long as to compile one of ten kilobytes. So what each of `roots` loads (of a list, what all of them load), the
 * smallest first, is put together: whoever loads some modules of such a group loads all of it, with the groups before it that its root
 * loads. What is imported by a call comes after a program that has the groups already, and loads them for one module.
 * `unless`: entries that stay as they are. `together`: modules of small chunks, which every entry but those `apart` loads all if it loads one.
 */
export function chunkGroups(
  found: Metafile,
  {
    roots,
    unless,
    atStart,
    sourceOf,
    together = [],
    apart = [],
  }: {
    roots: readonly (readonly string[])[];
    unless: readonly string[];
    atStart: readonly string[];
    sourceOf: (path: string) => string;
    together?: readonly string[];
    apart?: readonly string[];
  },
): Plugin {
  const loads = modulesByEntry(found);
  const groups: string[][] = [];
  const withEarlier: string[][] = [];
  const isNeeded = (group: readonly string[], files: ReadonlySet<string>, some: number): boolean =>
    group.filter((file) => files.has(file)).length >= Math.min(some, Math.max(1, group.length));
  for (const [first = '', ...others] of roots) {
    const files = new Set([...modules(first)].filter((file) => others.every((root) => modules(root).has(file))));
    const earlier = new Set(groups.flat());
    const before = groups.filter((group) => isNeeded(group, files, SOME)).flat();
    // Packages follow the modules that use them. An entry has a file of its own in any case.
    const group = [...files].filter((file) => OWN.test(file) && !earlier.has(file) && !loads.has(file));
    groups.push(group);
    withEarlier.push([...before, ...group]);
  }
  function modules(root: string): Set<string> {
    return new Set(loads.get(root));
  }
  const toLoad = new Map<string, string[]>();
  for (const entry of loads.keys()) {
    const some = atStart.includes(entry) ? SOME : 1;
    const needed = unless.includes(entry)
      ? []
      : withEarlier.filter((_, index) => isNeeded(groups[index] ?? [], modules(entry), some));
    const small = !apart.includes(entry) && together.some((file) => modules(entry).has(file)) ? together : [];
    const files = [...new Set([...needed.flat(), ...small])].filter((file) => file !== entry);
    if (files.length > 0)
      toLoad.set(
        resolve(entry),
        files.map((file) => resolve(file)),
      );
  }
  const grouped = new Set([...groups.flat(), ...together].map((file) => resolve(file)));
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
        return { contents: `${sourceOf(path)}\n${imports}`, loader: 'ts', resolveDir: dirname(path) };
      });
    },
  };
}

/** The own modules of small chunks that this entry loads at its start. */
export function smallChunks({ outputs }: Metafile, entry: string, bytes: number): string[] {
  const name = Object.keys(outputs).find((output) => outputs[output]?.entryPoint === entry);
  const loaded = new Set(name === undefined ? [] : [name]);
  for (const chunk of loaded)
    for (const { kind, path, external } of outputs[chunk]?.imports ?? [])
      if (kind === 'import-statement' && external !== true) loaded.add(path);
  return [...loaded].flatMap((chunk) => {
    const { entryPoint, bytes: size = 0, inputs = {} } = outputs[chunk] ?? {};
    const files = Object.keys(inputs);
    return entryPoint === undefined && size < bytes && files.every((file) => OWN.test(file)) ? files : [];
  });
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
