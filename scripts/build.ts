/**
 * `npm run build`: makes the published form of the package. `node scripts/build.ts [dist]`
 *
 * Code is bundled, so that a user installs and loads few files; declarations are those that the compiler writes.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildDashboard, DASHBOARD_PACKAGES } from './package/build-dashboard.ts';
import { bundleCode } from './package/bundle-code.ts';
import { ENTRIES } from './package/entries.ts';
import { licencesOf } from './package/licences.ts';
import { minifyPackages } from './package/minify-packages.ts';
import { writeTypes } from './package/write-types.ts';

const out = resolve(process.argv[2] ?? 'dist');
const { dependencies = {} } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  dependencies?: Record<string, string>;
};
rmSync(out, { recursive: true, force: true });

const metafile = await bundleCode(out, Object.keys(dependencies));
await minifyPackages(out);
chmodSync(join(out, 'cli.js'), 0o755);
await buildDashboard(join(out, 'ui'));
for (const name of Object.keys(ENTRIES)) {
  // The same module, not a second copy of it: a class that is compared by instanceof is one class for all importers.
  writeFileSync(join(out, `${name}.cjs`), `module.exports = require('./${name}.js');\n`);
}
writeFileSync(join(out, 'LICENCES.txt'), licencesOf(metafile, ...DASHBOARD_PACKAGES));

const compiled = mkdtempSync(join(tmpdir(), 'tasker-build-'));
try {
  const compiler = resolve('node_modules/.bin/tsc');
  const flags = ['-p', 'tsconfig.build.json', '--outDir', compiled];
  execFileSync(process.platform === 'win32' ? `${compiler}.cmd` : compiler, flags, { stdio: 'inherit' });
  const used = writeTypes(compiled, join(out, 'types'), Object.values(ENTRIES));
  const missing = [...used].filter((name) => !name.startsWith('node:') && dependencies[name] === undefined);
  if (missing.length > 0)
    throw new Error(`declarations import what is not installed with the package: ${missing.join(', ')}`);
} finally {
  rmSync(compiled, { recursive: true });
}
