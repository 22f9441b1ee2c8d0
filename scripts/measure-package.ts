/**
 * What a user of the package installs and loads: packs it, installs it into an empty project, and prints megabytes, packages and the
 * time of each import. `node scripts/measure-package.ts [--json]`
 */
import { rmSync } from 'node:fs';
import { ENTRIES } from './package/entries.ts';
import { installPacked } from './package/install-packed.ts';
import { importMilliseconds, sizeOf } from './package/measure.ts';

const app = installPacked();
try {
  const { kilobytes, packages } = sizeOf(app);
  const imports = Object.fromEntries(
    Object.keys(ENTRIES).map((name) => [name, importMilliseconds(app, name === 'index' ? '' : `/${name}`)]),
  );
  if (process.argv.includes('--json')) console.log(JSON.stringify({ kilobytes, packages, imports }, null, 2));
  else {
    console.log(`${(kilobytes / 1024).toFixed(1)} MB on disk, ${packages.length} packages`);
    for (const [name, ms] of Object.entries(imports)) console.log(`import of ${name.padEnd(10)} ${ms} ms`);
  }
} finally {
  rmSync(app, { recursive: true });
}
