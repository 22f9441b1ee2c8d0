/**
 * The last step of `npm run build`: writes the files that the code would otherwise read at run time into the compiled
 * package, so that a bundle of it is complete. `node scripts/inline-files.ts [dist]`
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const dist = resolve(process.argv[2] ?? 'dist');
const views = 'migrations/views';

const texts = Object.fromEntries(
  readdirSync(views)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => [name.replace(/\.sql$/, ''), readFileSync(join(views, name), 'utf8')]),
);
writeFileSync(
  join(dist, 'migrations/support/view-texts.js'),
  `export const viewTexts = ${JSON.stringify(texts, null, 2)};\n`,
);

const { outputFiles } = await build({
  entryPoints: [join(dist, 'src/membership/heartbeat-thread.js')],
  bundle: true,
  write: false,
  minify: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  // Optional, for other run times or with native code: pg works without them.
  external: ['pg-native', 'pg-cloudflare'],
  // Packages are resolved from here, wherever the compiled files are.
  nodePaths: [resolve('node_modules')],
});
const text = outputFiles[0]?.text;
writeFileSync(
  join(dist, 'src/membership/heartbeat-source.js'),
  `export const heartbeatSource = ${JSON.stringify(text)};\n`,
);
