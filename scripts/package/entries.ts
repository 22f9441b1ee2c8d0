/** What the package has to import, by the name of the file that `npm run build` makes of it. */
export const ENTRIES = {
  index: 'src/index.ts',
  client: 'src/entry/client.ts',
  worker: 'src/entry/worker.ts',
  scheduler: 'src/entry/scheduler.ts',
  api: 'src/entry/api.ts',
  http: 'src/entry/http.ts',
  workflow: 'src/entry/workflow.ts',
  testing: 'src/testing/index.ts',
  transactions: 'src/transactions/index.ts',
  embedded: 'src/entry/embedded.ts',
} as const;

/** What functions of the index load when they are called, although they are not asynchronous: see the imports of package.json. */
export const REQUIRED = {
  'workflow-yaml': 'src/workflow/yaml.ts',
  'load-config': 'src/config/load-config.ts',
  logger: 'src/logger.ts',
} as const;

/** Programs: the command line, and processes that the test kit starts. Code finds those beside itself, under the name of their source. */
export const PROGRAMS = {
  cli: 'src/cli/main.ts',
  'crash-worker': 'src/testing/crash/crash-worker.ts',
  'server-watchdog': 'src/testing/fleet/server-watchdog.ts',
} as const;
