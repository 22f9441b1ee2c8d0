import { VERSION } from '../version.ts';
import { DOCKERFILE, DOCKERIGNORE, FLEET, KUSTOMIZATION } from './deploy-files.ts';
import { TEST, WORKFLOW } from './workflow-files.ts';

const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2024",
    "module": "nodenext",
    "strict": true,
    "noEmit": true,
    "erasableSyntaxOnly": true,
    "allowImportingTsExtensions": true,
    "types": ["node"]
  },
  "include": ["workflows"]
}
`;

const README = `# Workflows

\`\`\`sh
npx tasker dev                     # a database, a worker and a scheduler; new code at each save
npx tasker submit checkout --input '{"item":"coffee","quantity":2}' --wait      # in another terminal
npx tasker tasks                   # what there is; npx tasker task 1 shows one with its steps
npm test                           # the workflow in memory, without a database
\`\`\`

| file | |
|---|---|
| \`workflows/checkout.ts\` | a workflow: four steps, one of which fails at first |
| \`workflows/checkout.test.ts\` | its test: \`npm test\` |
| \`tsconfig.json\` | for your editor and \`npx tsc\`, once you have run \`npm install --save-dev typescript @types/node\` |
| \`Dockerfile\` | one image for all processes |
| \`deploy/\` | migrations, workers and schedulers on Kubernetes |
| \`.tasker/\` | the development database; git ignores it, and you may delete it |

Node 22.18 or newer runs TypeScript as it is: no build.

## In production

A PostgreSQL (13 or newer) and three commands, each in a process of its own:

\`\`\`sh
export DATABASE_URL=postgres://...
npx tasker migrate up
npx tasker worker --workflows ./workflows      # as many as the work needs
npx tasker scheduler                           # two: retries, recovery, schedules
\`\`\`

or in a cluster: \`docker build --tag registry.example.com/workflows:1 .\`, push it, name it in \`deploy/kustomization.yaml\`, then

\`\`\`sh
kubectl create secret generic tasker-database --from-literal=DATABASE_URL=postgres://...
kubectl apply --kustomize deploy
\`\`\`

A changed graph (steps, or what depends on what) needs a new \`version\` there: tasks that are under way have the old one.
`;

/** Every file of a new project but package.json, by its path. */
export const FILES: Readonly<Record<string, string>> = {
  'workflows/checkout.ts': WORKFLOW,
  'workflows/checkout.test.ts': TEST,
  Dockerfile: DOCKERFILE,
  '.dockerignore': DOCKERIGNORE,
  'deploy/kustomization.yaml': KUSTOMIZATION,
  'deploy/fleet.yaml': FLEET,
  'README.md': README,
  'tsconfig.json': TSCONFIG,
};

/** Packages of the project; those that are there already stay as they are. */
export const DEPENDENCIES: Readonly<Record<string, string>> = { 'tasker-fleet': `^${VERSION}`, zod: '^4.2.0' };
