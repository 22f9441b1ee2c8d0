import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AnyStatement } from '../../src/db/statement.ts';

const FOLDERS = ['src/db/statements', 'src/db/health', 'src/db/reads'];

/** Every statement that the modules of these folders export, by name: one by one, or in a list of variants. */
export async function allStatements(): Promise<AnyStatement[]> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const found = new Map<string, AnyStatement>();
  for (const folder of FOLDERS) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts')) continue;
      const exported = Object.values((await import(join(root, folder, path))) as Record<string, unknown>);
      const statements = exported.flatMap((value) => statementsIn(value, path.startsWith('schedules')));
      for (const statement of statements) found.set(statement.name, statement);
      for (const [, name = ''] of readFileSync(join(root, folder, path), 'utf8').matchAll(
        /\(\)\(\{\s+name: '(\w+)',/g,
      )) {
        if (!found.has(name)) throw new Error(`${folder}/${path} does not export its statement ${name}`);
      }
    }
  }
  const { compare } = new Intl.Collator('en', { numeric: true });
  return [...found.values()].toSorted((a, b) => compare(a.name, b.name));
}

/** `bySchema`: functions of the module make statements for a schema of pg-boss. */
function statementsIn(value: unknown, bySchema: boolean): AnyStatement[] {
  if (Array.isArray(value)) return value.flatMap((element) => statementsIn(element, bySchema));
  if (bySchema && typeof value === 'function')
    return statementsIn((value as (schema: string) => unknown)('tasker_cron'), false);
  const isStatement = typeof value === 'object' && value !== null && 'name' in value && 'text' in value;
  return isStatement ? [value as AnyStatement] : [];
}
