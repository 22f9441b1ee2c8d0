import { expect, it } from 'vitest';
import { z } from 'zod';
import { ROUTES } from '../../../../src/api/routes/index.ts';
import { startApi } from '../../../../src/api/start-api.ts';
import { loadConfig } from '../../../../src/config/load-config.ts';
import { createLogger } from '../../../../src/logger.ts';
import { parseSearch } from '../../../../src/reads/search/parse-search.ts';
import { defineWorkflow } from '../../../../src/workflow/define-workflow.ts';
import { call as callAt } from '../../../api/api-fixture.ts';
import { diamond } from '../../../engine/engine-fixture.ts';
import type { Attacked } from './attacked.ts';
import { raw } from './raw.ts';

/** What the author of a payload could store, and what could be searched for. */
export function onStoredValues({ fixture, open }: Attacked): void {
  const { call } = fixture;

  it('nothing that is stored makes a route fail: prototypes, 10 MB, 1e400 (CVE-2026-25917)', async () => {
    const key = await fixture.key();
    const hostile = defineWorkflow({ name: 'hostile', input: z.unknown() })
      .step('big', () => 1)
      .step('bad', () => 1);
    const values =
      '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}, "big": 1e400, "then": {"then": 1}, ' +
      '"toJSON": {"call": 1}, "length": 1e9, "": {"": ""}, "deep": ' +
      `${'['.repeat(500)}${']'.repeat(500)}}`;
    const id = await fixture.submitOne(await fixture.workflow(hostile), {
      context: values,
      tags: ['__proto__', 'constructor'],
      reason: '__proto__',
      initiator: 'constructor',
    });
    const worker = await fixture.worker();
    const own = (await worker.claim(100)).filter(({ taskId }) => taskId === id);
    await worker.complete(own.slice(0, 1), { result: JSON.stringify('x'.repeat(10 * 2 ** 20)) });
    for (const step of own.slice(1)) await worker.fail(step, { permanent: true });
    const api = await open({ redact: '__proto__.polluted,*.prototype' });
    for (const route of ROUTES.filter(({ method, waits }) => method === 'GET' && waits !== 'always')) {
      if (!/task_id|^\/v1\/(tasks|failures|workflows|overview|audit)$/.test(route.path) || /archived/.test(route.path))
        continue;
      const path = route.path.replace('{task_id}', id).replace('{step}', 'big').replace('{document}', 'input');
      const reply = await callAt(api.apiUrl, 'GET', path, { key });
      expect(reply.status, `${route.operation} ${reply.text.slice(0, 300)}`).toBe(200);
    }
    const whole = await call('GET', `/v1/tasks/${id}/payloads/input`, { key });
    expect(whole.text).toContain(`"big": 1${'0'.repeat(400)},`);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  }, 60_000);

  it('a prototype in a body, in lines or in an address changes no object (prototype pollution)', async () => {
    await fixture.workflow(diamond);
    const key = await fixture.key();
    const ndjson = { 'content-type': 'application/x-ndjson' };
    const bodies = [
      '{"__proto__":{"polluted":1}}',
      '{"workflow":"diamond","input":{"a":[{"__proto__":{"polluted":1}}]}}',
      String.raw`{"workflow":"diamond","input":{"\u005f_proto__":{"polluted":1}}}`,
    ];
    for (const body of bodies) {
      expect((await call('POST', '/v1/tasks', { key, body })).status, body).toBe(400);
      // One of the lines, with an answer of its own.
      const line = await call('POST', '/v1/tasks:batch', { key, body, headers: ndjson });
      expect(JSON.parse(line.text), body).toMatchObject({ status: 400, code: 'REQUEST_INVALID' });
    }
    const stored = '{"workflow":"diamond","input":{"constructor":{"prototype":{"polluted":1}}}}';
    expect((await call('POST', '/v1/tasks', { key, body: stored })).status).toBe(201);
    for (const query of [
      '__proto__[polluted]=1',
      'constructor[prototype][polluted]=1',
      '__proto__.polluted=1',
      '__proto__=1',
    ])
      expect((await call('GET', `/v1/tasks?${query}`, { key })).status, query).toBe(400);
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect((await call('GET', `/v1/queues/${name}`, { key })).status, name).toBeLessThan(500);
      expect((await call('GET', `/v1/events?topics=${name}`, { key })).status, name).toBe(400);
      expect((await call('GET', `/v1/tasks?q=${name}:1`, { key })).status, name).toBe(400);
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('no search keeps the process busy (ReDoS), nor the database', async () => {
    const units = [
      'a',
      '"',
      '\\',
      '"a"',
      'a.',
      'a:',
      '[]',
      'a"\\',
      'input.',
      'input."',
      '@/',
      '>=',
      ' ',
      '\t',
      '%_',
      '(a+)+',
    ];
    const fronts = ['', 'workflow:', 'input.', 'input.a:"', 'error:"', 'age:', 'tag:', 'state:', '"'];
    const texts = fronts.flatMap((front) => units.map((unit) => (front + unit.repeat(2000)).slice(0, 1999)));
    for (const text of texts) {
      const began = performance.now();
      try {
        parseSearch(text);
      } catch {
        // Most of them are no search.
      }
      expect(performance.now() - began, text.slice(0, 40)).toBeLessThan(250);
    }
    const key = await fixture.key();
    const patterns = [
      `error:"${'%_'.repeat(400)}"`,
      `error:"${'a%'.repeat(400)}b"`,
      `input.a:"${String.raw`\\`.repeat(400)}"`,
      `tag:"${'(a+)+$'.repeat(100)}"`,
    ];
    for (const q of patterns) {
      const reply = await call('GET', `/v1/tasks?q=${encodeURIComponent(q)}`, { key });
      expect(reply.status, `${q.slice(0, 30)} ${reply.text}`).toBe(200);
    }
  });

  it('no text of a request begins a line of the log of its own (log injection)', async () => {
    const lines: string[] = [];
    const log = createLogger({ level: 'trace', role: 'api', destination: { write: (line) => lines.push(line) } });
    const settings = { apiPort: '0', metricsPort: '0', apiAuth: 'keys', databaseUrl: fixture.test.url };
    const api = await startApi({ config: loadConfig('api', {}, settings), log });
    const forged = '{"level":"error","message":"forged"}';
    const evil = encodeURIComponent(`\n${forged}\r\n\u001b[31m${forged}\u2028`);
    try {
      const key = await fixture.key({ name: `ada\n${forged}` });
      const headers = { 'x-request-id': 'a b', 'user-agent': `x ${forged}` };
      for (const path of [`/v1/queues/${evil}`, `/${evil}`, `/v1/tasks?q=${evil}`, `/v1/schedules/${evil}:pause`]) {
        await callAt(api.apiUrl, 'GET', path, { key, headers });
        await callAt(api.apiUrl, 'POST', path, { key, headers, body: { reason: `\n${forged}` } });
      }
      await raw(api.apiUrl, `GET /\n${forged} HTTP/1.1\r\nHost: x\r\n\r\n`);
      // An error of the process is logged, with what it was about.
      await fixture.test.query('ALTER TABLE tasker.tasker_holds RENAME TO tasker_holds_away');
      const failed = await callAt(api.apiUrl, 'GET', '/v1/holds', { key, headers: { 'x-request-id': 'mine' } });
      expect(failed.status).toBeGreaterThanOrEqual(500);
      expect(lines.some((line) => line.includes('"request_id":"mine"'))).toBe(true);
    } finally {
      await fixture.test.query('ALTER TABLE IF EXISTS tasker.tasker_holds_away RENAME TO tasker_holds');
      await api.stop();
    }
    for (const line of lines) {
      expect(line.slice(0, -1), line).not.toMatch(/[\n\r]/);
      expect(line.includes('\u001b'), line).toBe(false);
      expect((JSON.parse(line) as { message?: string }).message, line).not.toBe('forged');
    }
  });
}
