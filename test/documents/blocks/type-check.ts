import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parseSync } from 'oxc-parser';
import { entryPoints } from '../../../scripts/support/api/page.ts';
import type { CodeBlock } from './code-blocks.ts';

/** The file that a block is, if its first line names one: `// checkout.ts`. */
export const fileOf = ({ code }: CodeBlock): string | undefined => /^\/\/ ([\w.-]+\.ts)\n/.exec(code)?.[1];

/** The packages that a block imports; the syntax errors that it has. */
export function parsed({ code }: CodeBlock): { packages: string[]; errors: string[] } {
  const { module, errors } = parseSync('block.ts', code);
  const packages = module.staticImports.flatMap(({ moduleRequest: { value } }) => {
    if (value.startsWith('.') || value.startsWith('node:') || builtinModules.includes(value)) return [];
    return [value.split('/', value.startsWith('@') ? 2 : 1).join('/')];
  });
  return { packages, errors: errors.map(({ message }) => message) };
}

/** Compiles blocks against the code of this repository, each document's in a folder of its own. Returns the compiler's output. */
export async function typeCheck(folder: string, blocks: readonly CodeBlock[]): Promise<string> {
  await symlink(resolve('node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const paths = Object.fromEntries(entryPoints().map(({ module, source }) => [module, [resolve(source)]]));
  const compilerOptions = { paths, noUnusedLocals: false, noUnusedParameters: false };
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: resolve('tsconfig.json'), compilerOptions, include: ['documents'] }),
  );
  await writeBlocks(join(folder, 'documents'), blocks);
  const { stdout } = await promisify(execFile)(resolve('node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], {
    cwd: folder,
    timeout: 120_000,
  }).catch((failure: { stdout: string }) => failure);
  return stdout;
}

/** A folder for each document; blocks without a name are called after their line. Returns their paths below the folder. */
export async function writeBlocks(folder: string, blocks: readonly CodeBlock[]): Promise<string[]> {
  return Promise.all(
    blocks.map(async (block) => {
      const place = block.file.replace(/\.md$/, '').replaceAll('/', '-');
      await mkdir(join(folder, place), { recursive: true });
      const path = join(place, fileOf(block) ?? `line-${block.line}.ts`);
      // A block without imports and exports would share its names with all others of that kind.
      await writeFile(join(folder, path), `${block.code}\nexport {};\n`);
      return path;
    }),
  );
}

const { dependencies = {}, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;

export const isInstalled = (name: string): boolean =>
  name === 'tasker-fleet' || name in dependencies || name in devDependencies;
