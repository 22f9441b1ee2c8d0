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

/** What a function of the index loads when it is called, although it is not asynchronous: see the imports of package.json. */
export const REQUIRED = {
  'workflow-yaml': 'src/workflow/yaml.ts',
} as const;

/** Programs: the command line, and processes that the test kit starts. Code finds those beside itself, under the name of their source. */
export const PROGRAMS = {
  cli: 'src/cli/main.ts',
  'crash-worker': 'src/testing/crash/crash-worker.ts',
  'server-watchdog': 'src/testing/fleet/server-watchdog.ts',
} as const;
