import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Manifest } from './kustomize.ts';
import { titleOf } from './kustomize.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** Where the published schema of each API group is. */
const PACKAGES: readonly [group: RegExp, prefix: string][] = [
  [/^(keda|eventing\.keda)\.sh\//, '@kubernetes-models/keda/'],
  [/^monitoring\.coreos\.com\//, '@kubernetes-models/prometheus-operator/'],
  [/./, 'kubernetes-models/'],
];

function moduleOf({ apiVersion, kind }: Manifest): string {
  const prefix = PACKAGES.find(([group]) => group.test(apiVersion))?.[1] as string;
  return `${prefix}${apiVersion}/${kind}`;
}

/** The violations of the published JSON schema; empty if there are none. It accepts unknown keys: see `typeErrors`. */
export async function schemaErrors(manifest: Manifest): Promise<string[]> {
  const path = moduleOf(manifest);
  let models: Record<string, new (data: unknown) => { validate(): void }>;
  try {
    models = (await import(path)) as typeof models;
  } catch {
    return [`${titleOf(manifest)}: there is no schema for ${manifest.apiVersion} ${manifest.kind}`];
  }
  const Model = models[manifest.kind];
  if (Model === undefined) return [`${titleOf(manifest)}: ${path} exports no ${manifest.kind}`];
  try {
    new Model(manifest.kind === 'Secret' ? unwrapped(manifest) : manifest).validate();
    return [];
  } catch (error) {
    return [`${titleOf(manifest)}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** kustomize breaks long base64 into lines, which Kubernetes reads over and the schema does not. */
function unwrapped(secret: Manifest): Manifest {
  const data = Object.entries(secret.data ?? {}).map(([key, value]) => [key, value.replaceAll('\n', '')]);
  return { ...secret, data: Object.fromEntries(data) as Record<string, string> };
}

/**
 * The compiler's errors for each manifest as a typed literal, which may have no key that its type does not have. Returns one
 * line for each error, beginning with the manifest's kind and name.
 */
export async function typeErrors(manifests: readonly Manifest[]): Promise<string[]> {
  const folder = await mkdtemp(`${repository}test/kubernetes/.typed-`);
  try {
    const files = new Map<string, string>();
    for (const [index, manifest] of manifests.entries()) {
      const file = `manifest-${index}.ts`;
      files.set(file, titleOf(manifest));
      const type = `I${manifest.kind}`;
      const literal = JSON.stringify(manifest, null, 2);
      await writeFile(
        `${folder}/${file}`,
        `import type { ${type} } from '${moduleOf(manifest)}';\nexport const manifest: ${type} = ${literal};\n`,
      );
    }
    const compilerOptions = { noEmit: true, strict: true, skipLibCheck: true, types: [] };
    const config = {
      compilerOptions: { ...compilerOptions, target: 'es2024', module: 'nodenext', moduleResolution: 'nodenext' },
      include: ['*.ts'],
    };
    await writeFile(`${folder}/tsconfig.json`, JSON.stringify(config));
    const tsc = `${repository}node_modules/typescript/bin/tsc`;
    const { stdout } = await run(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
      maxBuffer: 16 * 1024 * 1024,
    }).catch((failure: { stdout?: string; message: string }) => {
      if (failure.stdout === undefined || failure.stdout === '') throw new Error(`tsc failed: ${failure.message}`);
      return { stdout: failure.stdout };
    });
    return stdout
      .split('\n')
      .filter((line) => line.includes('error TS'))
      .map((line) => {
        const file = /(manifest-\d+\.ts)/.exec(line)?.[1] ?? '';
        return `${files.get(file) ?? line}: ${line.replace(/^.*error TS/, 'TS')}`;
      });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
