/**
 * Keeps imports going one way and free of rings, SQL in one room, and process.exit in another; and the dashboard apart from all of
 * them. `node scripts/check-imports.ts [folder]` prints every violation as file:line: rule, and exits 1 if there is one.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Rooms from the bottom up. A file may import its own room and any room of a lower level; rooms of one level never meet. */
export const LEVELS: readonly (readonly string[])[] = [
  ['exact-json', 'exact-time'],
  [
    'backoff',
    'rate-limits',
    'errors',
    'secrets',
    'version',
    'edit-distance',
    'retry-policy',
    'keep-policy',
    'redact',
    'http',
    'permissions',
  ],
  ['config', 'logger', 'metrics', 'embedded', 'tracing'],
  ['workflow', 'scaling'],
  ['db'],
  ['engine', 'reads', 'process', 'transactions'],
  ['membership', 'schedules', 'import-tasker', 'archive'],
  ['worker', 'scheduler', 'client'],
  ['dev', 'init', 'tasker', 'api'],
  ['mcp'],
  ['index', 'entry', 'cli', 'testing'],
];

/** Packages that only some rooms may import. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  pg: ['db', 'embedded'],
  kysely: ['db'],
  'pg-boss': ['schedules'],
  fastify: ['api'],
  'openid-client': ['api'],
  '@modelcontextprotocol/sdk': ['mcp'],
  commander: ['cli'],
  'prom-client': ['metrics', 'process'],
  'cron-parser': ['schedules'],
  s3mini: ['archive'],
  'p-limit': ['worker', 'client', 'api'],
  pino: ['logger'],
  '@opentelemetry/api': ['tracing'],
  yaml: ['workflow', 'cli'],
  'd3-scale': ['cli'],
  'd3-shape': ['cli'],
  'simple-ascii-chart': ['cli'],
};

const SQL =
  /`[^`]*\b(SELECT\s+[\w*(]|INSERT\s+INTO|UPDATE\s+\w+(\.\w+)?\s+(\w+\s+)?SET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX|VIEW))/;

interface Violation {
  file: string;
  line: number;
  rule: string;
}

const levelOf = (room: string): number => LEVELS.findIndex((rooms) => rooms.includes(room));

/** The room of a file below src: its folder, or its name for a file at the top. */
function roomOf(path: string): string {
  const [first = ''] = path.split('/');
  return first.replace(/\.ts$/, '');
}

interface Import {
  /** As it is written. */
  target: string;
  /** Of the text. */
  index: number;
}

/** An import of another file of src. */
interface Arrow {
  to: string;
  line: number;
}

/** Every import of a file: of values and of types, re-exports, and `import()`. */
function importsOf(text: string): Import[] {
  const imports = text.matchAll(
    /^[ \t]*(?:import|export)\b[^;'"]*?from\s+'([^']+)'|^[ \t]*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm,
  );
  return [...imports].map((match) => ({
    target: (match[1] ?? match[2] ?? match[3]) as string,
    index: match.index,
  }));
}

export function checkImports(source: string): Violation[] {
  const violations: Violation[] = [];
  const arrows = new Map<string, Arrow[]>();
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.generated.ts')) continue;
    const file = relative(source, join(entry.parentPath, entry.name));
    const text = readFileSync(join(source, file), 'utf8');
    const imports = importsOf(text);
    violations.push(...checkFile(source, file, text, imports));
    const own = imports.filter(({ target }) => target.startsWith('.'));
    arrows.set(
      file,
      own.map(({ target, index }) => ({
        to: relative(source, resolve(source, dirname(file), target)),
        line: lineOf(text, index),
      })),
    );
  }
  return [...violations, ...findRings(arrows)];
}

/**
 * Rings of files that import each other, imports of types included: files of a ring can only be read together. Reports each
 * ring that a walk through all imports closes, at the import that closes it.
 */
function findRings(arrows: ReadonlyMap<string, readonly Arrow[]>): Violation[] {
  const rings: Violation[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const walk = (file: string): void => {
    path.push(file);
    for (const { to, line } of arrows.get(file) ?? []) {
      const start = path.indexOf(to);
      if (start >= 0) {
        const ring = [...path.slice(start), to].map((name) => join('src', name));
        rings.push({ file: join('src', file), line, rule: `imports form a ring: ${ring.join(' -> ')}` });
      } else if (!done.has(to)) walk(to);
    }
    path.pop();
    done.add(file);
  };
  for (const file of [...arrows.keys()].toSorted()) if (!done.has(file)) walk(file);
  return rings;
}

/** Packages of the browser, and the types of the API: the dashboard has nothing else from outside of its folder. */
const DASHBOARD_PACKAGES = new Set(['preact', '@preact/signals', 'vite']);
const API_TYPES = /^\.\.\/src\/http\//;

/** The dashboard knows the API by HTTP alone, so that what it shows is what anybody can ask for. */
export function checkDashboard(folder: string): Violation[] {
  const found: Violation[] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.tsx?$/.test(entry.name)) continue;
    const file = relative(folder, join(entry.parentPath, entry.name));
    const text = readFileSync(join(folder, file), 'utf8');
    const report = (index: number, rule: string): void => {
      found.push({ file: join('dashboard', file), line: lineOf(text, index), rule });
    };
    for (const { target, index } of importsOf(text)) {
      if (target.startsWith('.')) {
        const path = relative(folder, resolve(folder, dirname(file), target));
        const isType = /^\s*(import|export)\s+type\b/.test(text.slice(index));
        if (path.startsWith('..') && !(isType && API_TYPES.test(path)))
          report(index, `the dashboard imports its own files and types of src/http, not ${path}`);
      } else if (
        !DASHBOARD_PACKAGES.has(
          target
            .split('/')
            .slice(0, target.startsWith('@') ? 2 : 1)
            .join('/'),
        )
      )
        report(index, `the dashboard may not import ${target}`);
    }
    const html = /\bdangerouslySetInnerHTML\b|\.(inner|outer)HTML\b|\binsertAdjacentHTML\b|\bdocument\.write\b/.exec(
      text,
    );
    if (html !== null) report(html.index, 'text never becomes HTML: whatever is stored in a task would run');
  }
  return found;
}

const lineOf = (text: string, index: number): number => text.slice(0, index).split('\n').length;

function checkFile(source: string, file: string, text: string, imports: readonly Import[]): Violation[] {
  const room = roomOf(file);
  const found: Violation[] = [];
  const report = (index: number, rule: string): void => {
    found.push({ file: join('src', file), line: lineOf(text, index), rule });
  };
  if (levelOf(room) < 0)
    report(0, `room "${room}" is not in the order of rooms: add it to scripts/check-imports.ts where it belongs`);

  for (const { target, index } of imports) {
    if (target.startsWith('.')) {
      const path = relative(source, resolve(source, dirname(file), target));
      if (path.startsWith('..')) {
        if (!(room === 'db' && path.startsWith('../migrations/'))) report(index, `src may not import ${path}`);
        continue;
      }
      const other = roomOf(path);
      if (other !== room && levelOf(other) >= levelOf(room)) {
        report(
          index,
          `${room} may not import ${other}: ${levelOf(other) === levelOf(room) ? 'they are siblings' : 'imports go downwards'}`,
        );
      }
    } else {
      const [scope = '', rest = ''] = target.split('/');
      const name = target.startsWith('@') ? `${scope}/${rest}` : scope;
      const allowed = PACKAGES[name];
      if (allowed !== undefined && !allowed.includes(room))
        report(index, `only ${allowed.join(', ')} may import ${name}`);
    }
  }
  if (room !== 'db' && room !== 'embedded') {
    const sql = SQL.exec(text);
    if (sql !== null) report(sql.index, 'SQL belongs in src/db and migrations');
  }
  if (room !== 'cli') {
    const exit = /\bprocess\.exit\(/.exec(text);
    if (exit !== null) report(exit.index, 'only src/cli may call process.exit');
  }
  return found;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const source = resolve(process.argv[2] ?? fileURLToPath(new URL('../src', import.meta.url)));
  const dashboard = join(source, '../dashboard');
  const violations = [...checkImports(source), ...(existsSync(dashboard) ? checkDashboard(dashboard) : [])];
  for (const { file, line, rule } of violations) console.error(`${file}:${line}: ${rule}`);
  if (violations.length > 0) process.exitCode = 1;
  else console.log('imports go one way, without a ring');
}
