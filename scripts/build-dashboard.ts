/** Builds the dashboard alone: `node scripts/build-dashboard.ts [folder]`, `dist/ui` by default. `npm run build` does it, too. */
import { resolve } from 'node:path';
import { buildDashboard } from './package/build-dashboard.ts';

await buildDashboard(resolve(process.argv[2] ?? 'dist/ui'));
