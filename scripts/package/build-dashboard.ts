import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('../../dashboard', import.meta.url));

/** Static files with hashes in their names. Vite is needed here and nowhere else: what the API serves are these files. */
export async function buildDashboard(out: string): Promise<void> {
  await build({ configFile: join(root, 'vite.config.ts'), build: { outDir: out, emptyOutDir: true } });
}

/** Packages whose code is in those files. */
export const DASHBOARD_PACKAGES = ['preact', '@preact/signals', '@preact/signals-core'].map(
  (name) => `node_modules/${name}`,
);
