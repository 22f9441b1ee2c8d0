/**
 * `npm run openapi`: writes the document of the HTTP API, its reference page and the types of its client. `node scripts/generate-openapi.ts [--check] [--breaking]`
 *
 * The document that is there is what programs were written for. A new one that would break them is refused, unless --breaking is given
 * with a new major version of the paths. With --check nothing is written, and the status is 1 if a file is not current or the document
 * has a mistake.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openApiDocument } from '../src/api/openapi.ts';
import { httpApiPage } from './support/http-api/page.ts';
import { breakingChanges } from './support/http-api/breaking-changes.ts';
import { clientFacts, clientTypes } from './support/http-api/client-types.ts';
import { mistakesIn } from './support/http-api/lint.ts';

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
const document = openApiDocument();
const files = {
  'docs/reference/openapi.json': `${JSON.stringify(document, null, 2)}\n`,
  'docs/reference/http-api.md': httpApiPage(),
  'src/http/operations.ts': await clientTypes(document),
  'src/http/operation-facts.ts': await clientFacts(document),
};
const problems = mistakesIn(document).map((mistake) => `openapi.json: ${mistake}`);

const former = path('docs/reference/openapi.json');
if (existsSync(former) && !process.argv.includes('--breaking')) {
  const before = JSON.parse(readFileSync(former, 'utf8')) as Record<string, unknown>;
  for (const change of breakingChanges(before, document)) problems.push(`breaks programs that use the API: ${change}`);
}
for (const [name, text] of Object.entries(files)) {
  const current = existsSync(path(name)) ? readFileSync(path(name), 'utf8') : '';
  if (current === text) continue;
  if (process.argv.includes('--check')) problems.push(`${name} is not current: run npm run openapi`);
  else if (problems.length === 0) writeFileSync(path(name), text);
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
