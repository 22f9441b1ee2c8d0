import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { sizeOf } from '../../../scripts/package/measure.ts';
import { brokenLinks } from '../../documents/links.ts';
import { installPackedPackage } from '../../support/built-package.ts';

let app: string;
let installed: string;
beforeAll(async () => {
  app = await installPackedPackage();
  installed = join(app, 'node_modules/tasker-fleet');
}, 120_000);

test('installed it is at most 12 MB, the dashboard included, and the only package', () => {
  const { kilobytes, packages } = sizeOf(app);
  expect(packages).toEqual([expect.stringMatching(/^tasker-fleet@/)]);
  expect(kilobytes / 1024).toBeLessThanOrEqual(12);
  expect(readdirSync(join(app, 'node_modules/.bin'))).not.toContain('node');
});

test('it has the code, declarations, documents and licences, and nothing else', () => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1));
  expect(files).toEqual(
    expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/cli.js', 'dist/LICENCES.txt']),
  );
  const expected =
    /^(package\.json|LICENSE|(README|CHANGELOG)\.md|docs\/.+\.md|docs\/reference\/openapi\.json|dist\/ui\/(index\.html|favicon\.svg|assets\/[\w-]+\.(js|css))|dist\/LICENCES\.txt|dist\/[^/]+\.c?js|dist\/types\/.+\.d\.c?ts)$/;
  expect(files.filter((file) => !expected.test(file))).toEqual([]);
  // Why it is as it is: for those who change it, in the repository.
  expect(files.filter((file) => /^docs\/(performance|decisions)/.test(file))).toEqual([]);
  expect(files.length).toBeLessThan(550);
});

test('an error that ends a program shows itself, and not the code that it came from', () => {
  const program = `import { createClient } from 'tasker-fleet'; await createClient({ url: 'postgres://x@127.0.0.1:1/x' }).getTask('1');`;
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: app,
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stderr).toContain('ECONNREFUSED 127.0.0.1:1');
  expect(stderr.split('\n').filter((line) => line.length > 300)).toEqual([]);
});

test('no link of its documents is broken', () => {
  const documents = ['*.md', 'docs/**/*.md'].flatMap((pattern) => globSync(pattern, { cwd: installed }));
  expect(documents).toContain('docs/guides/install.md');
  const broken = documents.flatMap((file) =>
    brokenLinks(installed, file)
      // A path in a text names a place in the repository; test/documents holds it to that.
      .filter((link) => link.startsWith(']('))
      .filter((link) => !link.includes('https://'))
      .map((link) => `${file}: ${link}`),
  );
  expect(broken).toEqual([]);
});

test('each program that its code starts is beside the code', () => {
  const code = readdirSync(join(installed, 'dist'))
    .filter((file) => file.endsWith('.js'))
    .map((file) => readFileSync(join(installed, 'dist', file), 'utf8'));
  const names = code.flatMap((text) =>
    [...text.matchAll(/new URL\(`([\w-]+)\$\{[^}]*extname\)?\(/g)].map(([, name]) => `${name}.js`),
  );
  expect(names.toSorted()).toEqual(['crash-worker.js', 'server-watchdog.js']);
  expect(names.filter((name) => !existsSync(join(installed, 'dist', name)))).toEqual([]);
});

test('a transport of the log takes the pino of the program, and names the package that a program without it needs', () => {
  const log = join(app, 'lines');
  const program = `
    import { createLogger } from 'tasker-fleet';
    const transport = { target: 'pino/file', options: { destination: ${JSON.stringify(log)} } };
    try { createLogger({ role: 'app', pino: { transport } }).info('through pino'); } catch ({ message }) { console.log(message); }`;
  const run = (): string =>
    execFileSync(process.execPath, ['--input-type=module', '--eval', program], { cwd: app, encoding: 'utf8' });
  expect(run()).toBe('pino.transport needs the package pino beside this one: npm install pino\n');
  execFileSync('npm', ['install', '--no-save', '--prefer-offline', '--no-audit', '--no-fund', 'pino@10.4.0'], {
    cwd: app,
  });
  expect(run()).toBe('');
  expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({ role: 'app', message: 'through pino' });
});

test('each file that package.json names is there', () => {
  const { exports, imports, bin, main, types } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  const paths = JSON.stringify({ exports, imports, bin, main, types }).match(/(?<=")(\.\/)?dist\/[^"]+/g) ?? [];
  expect(paths.length).toBeGreaterThan(25);
  expect(paths.filter((path) => !existsSync(join(installed, path)))).toEqual([]);
});

test('an import loads neither pino nor zod nor yaml, and evaluates no package; YAML is loaded by its first use, in both formats', () => {
  const program = `
    import { Session } from 'node:inspector/promises';
    import { readFileSync } from 'node:fs';
    import { fileURLToPath } from 'node:url';
    const session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    await import('tasker-fleet');
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const own = result.filter(({ url }) => url.includes('/tasker-fleet/dist/'));
    const text = own.map(({ url }) => readFileSync(fileURLToPath(url), 'utf8')).join('');
    // The bundle wraps a package whose evaluation may wait into a function with the name of its module.
    const ran = own.flatMap(({ functions }) => functions).filter(({ ranges }) => ranges[0].count > 0);
    console.log(JSON.stringify({
      loaded: ['pino', 'zod', 'yaml'].filter((name) => text.includes('\\n// node_modules/' + name + '/')),
      evaluated: ran.map(({ functionName }) => functionName).filter((name) => name.startsWith('node_modules/')),
    }));`;
  expect(JSON.parse(evaluated('module', program))).toEqual({ loaded: [], evaluated: [] });
  const use = `console.log(loadWorkflowYaml(${JSON.stringify(YAML)}, { handlers: { Greet: () => 1 } }).name)`;
  expect(evaluated('module', `import { loadWorkflowYaml } from 'tasker-fleet'; ${use}`)).toBe('hello\n');
  expect(evaluated('commonjs', `const { loadWorkflowYaml } = require('tasker-fleet'); ${use}`)).toBe('hello\n');
}, 30_000);

test('the sessions of a program begin before the code of its worker and its scheduler is loaded', () => {
  const dist = join(installed, 'dist');
  const loads = (entry: string): Set<string> => {
    const files = new Set([entry]);
    for (const file of files) {
      const text = readFileSync(join(dist, file), 'utf8');
      for (const [, path] of text.matchAll(/(?:from|^import) "\.\/([^"]+)"/gm)) files.add(path as string);
    }
    return files;
  };
  const begin = readdirSync(dist).find((file) => /^begin-\w+\.js$/.test(file)) as string;
  const already = loads('index.js');
  const more = [...loads(begin)].filter((file) => !already.has(file));
  const bytes = more.reduce((sum, file) => sum + readFileSync(join(dist, file)).length, 0);
  // Files as well: to find one takes as long as to compile ten kilobytes. Most of it is the catalogue of settings, each of which has some 400 bytes.
  expect(more.length).toBeLessThanOrEqual(4);
  expect(bytes).toBeLessThan(72_000);
});

const YAML = `
name: hello
namespace_name: default
version: 0.1.0
step_templates:
  - name: greet
    handler_class: Greet
`;

function evaluated(format: 'module' | 'commonjs', program: string): string {
  return execFileSync(process.execPath, [`--input-type=${format}`, '--eval', program], { cwd: app, encoding: 'utf8' });
}
