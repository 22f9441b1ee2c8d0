import { readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundleCode } from '../../scripts/package/bundle-code.ts';

/** What the processes of a fleet run: the bundle that the image has, and beside it the workflows of the load. */
export const BUILT = fileURLToPath(new URL('../../.tmp/bench-build', import.meta.url));
const manifest = new URL('../../package.json', import.meta.url);
const source = fileURLToPath(new URL('workflows.ts', import.meta.url));

/** Bundles the code as it is now. Called in the repository's folder, like `npm run build`. */
export async function buildFleet(): Promise<void> {
  const { dependencies = {}, imports = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    dependencies?: Record<string, string>;
    imports?: Record<string, unknown>;
  };
  await rm(BUILT, { recursive: true, force: true });
  await bundleCode(BUILT, Object.keys(dependencies));
  // Subpath imports of the package lead into its own folder, which may not be built.
  const own = JSON.stringify({ name: 'tasker-fleet', type: 'module', imports }).replaceAll('./dist/', './');
  writeFileSync(`${BUILT}/package.json`, own);
  await build({
    entryPoints: [source],
    outfile: `${BUILT}/workflows.js`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    // A workflow imports the package that its worker runs.
    plugins: [
      {
        name: 'the package',
        setup: ({ onResolve }) =>
          onResolve({ filter: /\/src\/index\.ts$/ }, () => ({ path: './index.js', external: true })),
      },
    ],
    external: ['zod'],
  });
}
