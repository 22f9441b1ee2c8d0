import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createProgram } from '../../src/cli/program.ts';
import { describeFailure } from '../../src/cli/report-error.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useApi } from '../api/api-fixture.ts';
import { archive, archiveFolder } from '../archive/archive-fixture.ts';

const folder = await archiveFolder();
const archiveUrl = `file://${folder.path}`;
const fixture = await useApi({ archiveUrl });

const order = defineWorkflow({ name: 'order', namespace: 'shop', input: z.unknown() })
  .step('charge', () => 1)
  .step('ship', { dependsOn: ['charge'] }, () => 1);

let key: string;
let archived: string[];
let alive: string[];
beforeAll(async () => {
  const workflow = await fixture.workflow(order);
  key = await fixture.key({ name: 'ada' });
  const submit = (tag: string) => fixture.submitOne(workflow, { context: '{"n": 1}', tags: [tag] });
  archived = [await submit('case-17'), await submit('case-17')];
  alive = [await submit('gone'), await submit('gone'), await submit('open')];
  for (const id of [...archived, ...alive.slice(0, 2)]) await fixture.call('POST', `/v1/tasks/${id}:cancel`, { key });
  await archive(fixture.db, folder.store, archived);
});
afterEach(() => vi.unstubAllEnvs());

/** Runs a command in this process, on the database or through the API. */
async function run(environment: Record<string, string>, ...args: string[]) {
  for (const name of ['DATABASE_URL', 'TASKER_API_URL', 'TASKER_ARCHIVE_URL', 'TASKER_API_KEY'])
    vi.stubEnv(name, environment[name] ?? '');
  const lines: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((text: string) => void lines.push(text));
  const problems: string[] = [];
  const error = vi.spyOn(console, 'error').mockImplementation((text: string) => void problems.push(text));
  let status = -1;
  let failure = '';
  try {
    await createProgram((given) => void (status = given))
      .exitOverride()
      .parseAsync(['node', 'tasker', ...args]);
  } catch (thrown) {
    ({ status, line: failure } = describeFailure(thrown));
  } finally {
    log.mockRestore();
    error.mockRestore();
  }
  return { status, output: lines.join('\n'), failure, problems: problems.join('\n') };
}
const here = (...args: string[]) => run({ DATABASE_URL: fixture.test.url, TASKER_ARCHIVE_URL: archiveUrl }, ...args);
const remote = (...args: string[]) => run({ TASKER_API_URL: fixture.api.apiUrl, TASKER_API_KEY: key }, ...args);

const NOT_RETURNED = new Set(['identity_hash', 'workflow_step_id', 'retryable', 'allowed_actions']);

/** Without times that a command makes itself. */
const still = (text: string): string =>
  text.replaceAll(/"keep_until": "[^"]*"/g, '"keep_until"').replaceAll(/until \d{4}-[^\n]*/g, 'until');
async function both(...args: string[]): Promise<string> {
  const [direct, through] = [await here(...args), await remote(...args)];
  expect([through.status, still(through.output)], through.failure).toEqual([direct.status, still(direct.output)]);
  return through.output;
}

it.each([[['explain']], [['task']], [['task', '--critical-path']], [['record']]])(
  'what was archived is no task that never was: %j says where it is, here and through the HTTP API',
  async ([command = '', ...options]) => {
    const [id = ''] = archived;
    for (const where of [here, remote]) {
      const { status, problems } = await where(command, id, ...options);
      expect(status).toBe(3);
      expect(problems).toContain(`task ${id} has ended and is in the archive`);
      expect(problems).toContain(`tasker archive show ${id}`);
      expect((await where(command, '999999', ...options)).problems).toContain('there is no task 999999');
    }
  },
);

it.each([
  ['cancel'],
  ['retry'],
  ['rerun'],
  ['resolve'],
  ['resolve', '--step', 'charge'],
  ['release', '--step', 'charge'],
])('an act on what was archived is refused with the sentence of the API: %s %s %s', async (command, ...options) => {
  const [id = ''] = archived;
  const path = options.length === 0 ? `/v1/tasks/${id}:${command}` : `/v1/tasks/${id}/steps/charge:${command}`;
  const { status, body } = await fixture.call('POST', path, { key });
  expect(status).toBe(404);
  expect(body['detail']).toContain(`tasker archive restore ${id}`);
  for (const where of [here, remote]) {
    expect(await where(command, id, ...options)).toMatchObject({ status: 3, output: body['detail'] });
    expect((await where(command, '999999', ...options)).output).toBe('there is no task 999999');
  }
});

it('the API says of an archived task where it is, to those who see all namespaces', async () => {
  const [id = ''] = archived;
  for (const path of ['', '/explain', '/steps/charge', '/history', '/critical-path', '/record']) {
    const { status, body } = await fixture.call('GET', `/v1/tasks/${id}${path}`, { key });
    expect([path, status, body['detail']]).toEqual([
      path,
      404,
      expect.stringContaining(`GET /v1/archived-tasks/${id}`),
    ]);
  }
  const ofOne = await fixture.key({ name: 'bob', namespaces: ['other'] });
  const { status, body } = await fixture.call('GET', `/v1/tasks/${id}`, { key: ofOne });
  expect([status, body['detail']]).toEqual([404, `there is no task ${id}`]);
});

it('the archive is searched and shown through the HTTP API as on the database', async () => {
  const [id = ''] = archived;
  for (const json of [[], ['--json']]) {
    await both('archive', 'find', '--tag', 'case-17', ...json);
    await both('archive', 'find', '--tag', 'none', ...json);
    await both('archive', 'show', '999', ...json);
  }
  expect(await both('archive', 'show', id)).toContain('charge');
  const read = ({ output }: { output: string }) =>
    JSON.parse(output, (name, value: unknown) => (NOT_RETURNED.has(name) ? undefined : value)) as object;
  const direct = read(await here('archive', 'show', id, '--json'));
  const through = read(await remote('archive', 'show', id, '--json'));
  expect(through).toEqual(direct);
  await both('task', id);
});

it('the objects are listed and verified through the HTTP API as on the database, by parts', async () => {
  for (const json of [[], ['--json']]) {
    await both('archive', 'list', ...json);
    await both('archive', 'list', '--since', '2020-01-01', '--limit', '1', ...json);
    await both('archive', 'list', '--before', '2020-01-01', ...json);
    await both('archive', 'list', '--after', '1', ...json);
    await both('archive', 'verify', ...json);
    expect(await both('archive', 'verify', '--deep', ...json)).not.toContain('problems:');
  }
  const parts = [];
  let cursor = '';
  do {
    const part = await fixture.call('GET', `/v1/archive/verification?limit=1${cursor}`, { key });
    parts.push(part.body['objects']);
    const next = part.body['next_cursor'] as string | null;
    cursor = next === null ? '' : `&cursor=${encodeURIComponent(next)}`;
  } while (cursor !== '');
  expect(parts).toEqual([1, 0, 0]);
  const deep = await fixture.call('GET', '/v1/archive/verification?limit=1&deep=true', { key });
  const other = `/v1/archive/verification?cursor=${encodeURIComponent(String(deep.body['next_cursor']))}`;
  expect(await fixture.call('GET', other, { key })).toMatchObject({ status: 400, body: { code: 'CURSOR_INVALID' } });
});

it('an object without a record is mended through the HTTP API, by administrators alone, and the audit has it', async () => {
  const [record] = await fixture.test.query<{ object: string }>('DELETE FROM tasker.tasker_archives RETURNING object');
  const { object = '' } = record ?? {};
  const found = await both('archive', 'verify');
  expect(found).toContain('2 of its 2 tasks are nowhere else');
  expect((await remote('archive', 'verify')).status).toBe(1);
  const operator = await fixture.key({ role: 'operator' });
  const mend = (asking: string, body: object) => fixture.call('POST', '/v1/archive:mend', { key: asking, body });
  expect((await mend(operator, { object })).status).toBe(403);
  for (const none of [`${object}x`, 'tasks/../../etc/passwd', '../x.tasks', object.replace(/^./, 'x')])
    expect((await mend(key, { object: none })).status, none).toBe(404);
  expect(await remote('archive', 'verify', '--mend', '--reason', 'after a restore')).toMatchObject({
    status: 0,
    output: expect.stringContaining('it has a record again'),
  });
  await both('archive', 'verify', '--deep');
  expect((await mend(key, { object })).status).toBe(404);
  const [act] = await fixture.test.query(
    `SELECT by, reason, outcome, subject_id FROM tasker.tasker_audit WHERE act = 'archive.mend' AND NOT refused`,
  );
  expect(act).toEqual({ by: 'ada', reason: 'after a restore', outcome: 'adopted', subject_id: object });
});

it('a task comes back through the HTTP API, after a dry run that changes nothing', async () => {
  const [id = ''] = archived;
  await both('archive', 'restore', id, '--dry-run');
  await both('archive', 'restore', '999');
  expect((await fixture.call('GET', `/v1/tasks/${id}`, { key })).status).toBe(404);
  expect(await remote('archive', 'restore', id, '--json')).toMatchObject({
    status: 0,
    output: expect.stringContaining('"outcome": "restored"'),
  });
  await both('archive', 'restore', id);
  expect((await fixture.call('GET', `/v1/tasks/${id}`, { key })).status).toBe(200);
});

it('tasks are purged through the HTTP API, by administrators alone, after a dry run', async () => {
  const [, , open = ''] = alive;
  for (const json of [[], ['--json']]) {
    await both('purge', '--tag', 'gone', '--dry-run', ...json);
    await both('purge', '--task', open, '999', ...json);
    await both('purge', '--tag', 'case-17', '--dry-run', ...json);
  }
  const operator = await fixture.key({ role: 'operator' });
  const body = { tag: 'gone' };
  expect((await fixture.call('POST', '/v1/purges', { key: operator, body })).status).toBe(403);
  for (const wrong of [{}, { tag: 'gone', task_ids: [open] }])
    expect((await fixture.call('POST', '/v1/purges', { key, body: wrong })).status).toBe(400);
  expect(await remote('purge', '--tag', 'gone', '--reason', 'the contract has ended')).toMatchObject({
    status: 0,
    output: expect.stringMatching(/^purged 2 tasks/),
  });
  expect((await fixture.call('GET', `/v1/tasks/${alive[0] ?? ''}`, { key })).status).toBe(404);
  expect((await remote('purge', '--tag', 'case-17')).output).toContain('of the archive');
  const [act] = await fixture.test.query(
    `SELECT by, reason FROM tasker.tasker_audit WHERE act = 'task.purge' AND NOT refused ORDER BY audit_id LIMIT 1`,
  );
  expect(act).toMatchObject({ by: 'ada', reason: 'the contract has ended' });
});
