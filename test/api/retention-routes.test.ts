import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { archive, archiveFolder } from '../archive/archive-fixture.ts';
import { useApi } from './api-fixture.ts';

const folder = await archiveFolder();
const fixture = await useApi({ archiveUrl: `file://${folder.path}` });
const { call } = fixture;

const inNamespace = (namespace: string) =>
  defineWorkflow({ name: 'kept', namespace, input: z.unknown() }).step('only', () => 1);

let admin: string;
let archived: string;
beforeAll(async () => {
  admin = await fixture.key({ name: 'ada' });
  const workflow = await fixture.workflow(inNamespace('mine'));
  archived = await fixture.submitOne(workflow, { context: '{"secret": "canary"}', tags: ['case-17'] });
  await call('POST', `/v1/tasks/${archived}:cancel`, { key: admin });
  await archive(fixture.db, folder.store, [archived]);
});

describe('the archive', () => {
  it('is searched and shown: no payload without payload:read, nothing of another namespace', async () => {
    const found = await call('GET', '/v1/archived-tasks?tag=case-17', { key: admin });
    expect(found, found.text).toMatchObject({ status: 200, body: { items: [{ task_id: archived }], complete: true } });
    expect((await call('GET', '/v1/archived-tasks', { key: admin })).status).toBe(400);
    const shown = await call('GET', `/v1/archived-tasks/${archived}`, { key: admin });
    expect(shown.body).toMatchObject({ state: 'cancelled', input: { secret: 'canary' }, steps: [{ name: 'only' }] });
    const viewer = await fixture.key({ role: 'viewer', payload: false });
    expect((await call('GET', `/v1/archived-tasks/${archived}`, { key: viewer })).text).not.toContain('canary');
    const foreign = await fixture.key({ namespaces: ['theirs'] });
    expect((await call('GET', '/v1/archived-tasks?tag=case-17', { key: foreign })).body.items).toEqual([]);
    expect((await call('GET', `/v1/archived-tasks/${archived}`, { key: foreign })).status).toBe(404);
    expect((await call('POST', `/v1/archived-tasks/${archived}:restore`, { key: foreign })).status).toBe(404);
    expect((await call('POST', `/v1/archived-tasks/${archived}:restore`, { key: viewer })).status).toBe(403);
  });

  it('gives a task back once, and then it is alive', async () => {
    const path = `/v1/archived-tasks/${archived}:restore`;
    const done = await call('POST', path, { key: admin, body: { reason: 'a complaint' } });
    expect(done, done.text).toMatchObject({ status: 200, body: { outcome: 'restored', task_ids: [archived] } });
    expect((await call('GET', `/v1/tasks/${archived}`, { key: admin })).status).toBe(200);
    expect(await call('POST', path, { key: admin })).toMatchObject({ body: { outcome: 'alive' } });
    expect((await call('POST', '/v1/archived-tasks/999:restore', { key: admin })).status).toBe(404);
  });
});

describe('legal holds', () => {
  it('are set once under an Idempotency-Key, listed, ended and in the audit', async () => {
    const body = { tag: 'case-17', reason: 'lawsuit' };
    const headers = { 'idempotency-key': 'hold-1' };
    const set = await call('POST', '/v1/holds', { key: admin, body, headers });
    expect(set, set.text).toMatchObject({ status: 201, body: { tag: 'case-17', task_id: null, by: 'ada' } });
    expect((await call('POST', '/v1/holds', { key: admin, body, headers })).body).toEqual(set.body);
    expect((await call('GET', '/v1/holds', { key: admin })).body.items).toHaveLength(1);
    for (const wrong of [{ tag: 'x' }, { tag: 'x', task_id: '1', reason: 'y' }, { tag: ' ', reason: 'y' }])
      expect((await call('POST', '/v1/holds', { key: admin, body: wrong })).status).toBe(422);
    expect((await call('POST', '/v1/holds', { key: admin, body: { task_id: '999', reason: 'y' } })).status).toBe(404);
    const path = `/v1/holds/${String(set.body['hold_id'])}`;
    expect((await call('DELETE', path, { key: admin })).status).toBe(200);
    expect((await call('DELETE', path, { key: admin })).status).toBe(404);
    const audit = await call('GET', '/v1/audit?by=ada', { key: admin });
    expect(audit.body.items?.map(({ act }) => act)).toEqual(expect.arrayContaining(['hold.set', 'hold.end']));
  });

  it('and for how long tasks are kept can be seen', async () => {
    const report = await call('GET', '/v1/retention', { key: admin });
    expect(report.body).toMatchObject({ workflows: [{ workflow: 'kept', keep: { complete: { source: 'none' } } }] });
  });
});

it('keys that are made and revoked are in the audit, with who did it', async () => {
  const made = await call('POST', '/v1/api-keys', { key: admin, body: { name: 'billing', role: 'submitter' } });
  const id = String(made.body['key_id']);
  expect((await call('DELETE', `/v1/api-keys/${id}`, { key: admin })).status).toBe(200);
  expect((await call('DELETE', '/v1/api-keys/000000000000', { key: admin })).status).toBe(404);
  const audit = await call('GET', `/v1/audit?subject=key&subject_id=${id}`, { key: admin });
  expect(audit.body.items).toMatchObject([
    { act: 'key.revoke', by: 'ada', outcome: 'revoked' },
    { act: 'key.create', by: 'ada', details: { asked: { name: 'billing', role: 'submitter' } } },
  ]);
  expect(audit.text).not.toContain(String(made.body['key']).split('_')[2]);
});
