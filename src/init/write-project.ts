import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { DEPENDENCIES, FILES } from './project-files.ts';

interface PackageJson {
  name?: string;
  type?: string;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  allowScripts?: Record<string, boolean>;
  [field: string]: unknown;
}

export interface Project {
  /** Relative to the folder. */
  readonly written: string[];
  /** What was added to a package.json that was there. */
  readonly changed: string[];
}

/** What a project needs beside the packages of its workflow. */
export interface AddedPackages {
  readonly forDevelopment: readonly { name: string; version: string }[];
  /** As name@version: packages whose install scripts are to run. */
  readonly withScripts: readonly string[];
}

/** What `npm init` writes: a test script that only fails. */
const NO_TEST = /no test specified/;

/**
 * Writes a project into a folder, which is made if it is missing. `packages` are added to package.json. Throws ConfigError,
 * before anything is written, if a file is there already or the package is not one of ES modules.
 */
export function writeProject(folder: string, packages: AddedPackages): Project {
  const root = resolve(folder);
  const taken = Object.keys(FILES).filter((path) => existsSync(join(root, path)));
  if (taken.length > 0) {
    throw new ConfigError(
      `${shown(folder)} has ${taken.join(', ')} already, and nothing is overwritten: name another folder (tasker init my-workflows), or move ${taken.length === 1 ? 'it' : 'them'} away`,
      { taken },
    );
  }
  const { content, changed } = packageOf(root, packages);
  const all = { ...FILES, 'package.json': `${JSON.stringify(content, null, 2)}\n` };
  const isNew = !existsSync(join(root, 'package.json'));
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const written = Object.keys(FILES);
  if (!existsSync(join(root, '.gitignore'))) {
    writeFileSync(join(root, '.gitignore'), 'node_modules\n');
    written.push('.gitignore');
  }
  return { written: isNew ? [...written, 'package.json'] : written, changed: isNew ? [] : changed };
}

/** The package.json with what the project needs, and what that changed. */
function packageOf(root: string, packages: AddedPackages): { content: PackageJson; changed: string[] } {
  const path = join(root, 'package.json');
  const content: PackageJson = existsSync(path) ? readPackage(path) : { name: nameFor(root), private: true };
  const changed: string[] = [];
  if (content.type !== 'module') {
    const script = existsSync(path) ? readdirSync(root).find((name) => /\.[jt]s$/.test(name)) : undefined;
    if (script !== undefined) {
      throw new ConfigError(
        `the package in ${shown(root)} is not one of ES modules (its package.json lacks "type": "module"), and it has code (${script}): name a folder of its own for the workflows (tasker init workflows)`,
      );
    }
    content.type = 'module';
    changed.push('"type": "module"');
  }
  const add = (section: 'scripts' | 'dependencies' | 'devDependencies', name: string, value: string): void => {
    const there =
      content[section]?.[name] ??
      (section === 'scripts' ? undefined : (content.devDependencies?.[name] ?? content.dependencies?.[name]));
    if (there !== undefined && !(section === 'scripts' && NO_TEST.test(there))) return;
    content[section] = { ...content[section], [name]: value };
    changed.push(section === 'scripts' ? `script "${name}"` : name);
  };
  add('scripts', 'dev', 'tasker dev');
  add('scripts', 'test', 'node --test');
  for (const [name, range] of Object.entries(DEPENDENCIES)) add('dependencies', name, range);
  for (const { name, version } of packages.forDevelopment) add('devDependencies', name, version);
  // npm asks about install scripts, and runs those of this list.
  const scripted = packages.withScripts.map((each) => [each, true]);
  if (scripted.length > 0) content.allowScripts = { ...Object.fromEntries(scripted), ...content.allowScripts };
  return { content, changed };
}

function readPackage(path: string): PackageJson {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as PackageJson;
  } catch (error) {
    throw new ConfigError(`${path} cannot be read: ${(error as Error).message}`, { path }, { cause: error });
  }
}

/** As npm allows it. */
const nameFor = (root: string): string =>
  basename(root)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '') || 'workflows';

const shown = (folder: string): string => (resolve(folder) === process.cwd() ? 'this folder' : folder);
