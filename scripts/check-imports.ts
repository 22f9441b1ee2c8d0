/**
 * Keeps imports going one way, SQL in one room, and process.exit in another. `node scripts/check-imports.ts [folder]`
 * prints every violation as file:line: rule, and exits 1 if there is one.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Rooms from the bottom up. A file may import its own room and any room of a lower level; rooms of one level never meet. */
const LEVELS: readonly (readonly string[])[] = [
  ['backoff', 'errors', 'secrets', 'version', 'edit-distance'],
  ['config', 'logger', 'metrics', 'embedded'],
  ['workflow', 'scaling'],
  ['db'],
  ['engine', 'reads', 'process'],
  ['schedules'],
  ['membership'],
  ['worker', 'scheduler', 'client', 'api'],
  ['index', 'cli'],
];

/** Packages that only some rooms may import. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  pg: ['db', 'embedded'],
  kysely: ['db', 'client'],
  'pg-boss': ['schedules'],
  fastify: ['process', 'api'],
  commander: ['cli'],
  'prom-client': ['metrics', 'process'],
  'cron-parser': ['schedules'],
  'p-limit': ['worker', 'client'],
  pino: ['logger'],
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

export function checkImports(source: string): Violation[] {
  const violations: Violation[] = [];
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.generated.ts')) continue;
    const file = relative(source, join(entry.parentPath, entry.name));
    violations.push(...checkFile(source, file, readFileSync(join(source, file), 'utf8')));
  }
  return violations;
}

function checkFile(source: string, file: string, text: string): Violation[] {
  const room = roomOf(file);
  const found: Violation[] = [];
  const report = (index: number, rule: string): void => {
    found.push({ file: join('src', file), line: text.slice(0, index).split('\n').length, rule });
  };
  if (levelOf(room) < 0)
    report(0, `room "${room}" is not in the order of rooms: add it to scripts/check-imports.ts where it belongs`);

  for (const match of text.matchAll(
    /^[ \t]*(?:import|export)\b[^;'"]*?from\s+'([^']+)'|^[ \t]*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm,
  )) {
    const target = (match[1] ?? match[2] ?? match[3]) as string;
    if (target.startsWith('.')) {
      const path = relative(source, resolve(source, dirname(file), target));
      if (path.startsWith('..')) {
        if (!(room === 'db' && path.startsWith('../migrations/'))) report(match.index, `src may not import ${path}`);
        continue;
      }
      const other = roomOf(path);
      if (other !== room && levelOf(other) >= levelOf(room)) {
        report(
          match.index,
          `${room} may not import ${other}: ${levelOf(other) === levelOf(room) ? 'they are siblings' : 'imports go downwards'}`,
        );
      }
    } else {
      const [scope = '', rest = ''] = target.split('/');
      const name = target.startsWith('@') ? `${scope}/${rest}` : scope;
      const allowed = PACKAGES[name];
      if (allowed !== undefined && !allowed.includes(room))
        report(match.index, `only ${allowed.join(', ')} may import ${name}`);
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
  const violations = checkImports(source);
  for (const { file, line, rule } of violations) console.error(`${file}:${line}: ${rule}`);
  if (violations.length > 0) process.exitCode = 1;
  else console.log('imports go one way');
}
