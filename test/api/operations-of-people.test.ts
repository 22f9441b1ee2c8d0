import { beforeEach, expect, it } from 'vitest';
import { frailIn, useFailures, workRound } from '../engine/operations-fixture.ts';
import { useApi } from './api-fixture.ts';
import { CLIENT, openIdProvider } from './openid-provider.ts';

const provider = await openIdProvider();
const fixture = await useApi({
  apiAuth: 'oidc',
  apiPublicUrl: 'https://tasker.example/',
  oidcIssuer: provider.issuer,
  oidcClientId: CLIENT.id,
  oidcClientSecret: CLIENT.secret,
  oidcRolesClaim: 'realm_access.roles',
  oidcRoles: 'tasker-admins=admin,shop-ops=operator@shop,staff=viewer',
});
const tasks = await useFailures(fixture, await fixture.workflow(frailIn('shop')));

beforeEach(() => {
  provider.userinfo = {};
  provider.wrong = {};
});

/** The session of somebody who has signed in. */
async function signIn(name: string, role: string): Promise<string> {
  provider.person = { sub: `${name}-1`, preferred_username: name, realm_access: { roles: [role] } };
  const { apiUrl } = fixture.api;
  const begun = await fetch(`${apiUrl}/ui/login`, { redirect: 'manual' });
  const there = await fetch(begun.headers.get('location') as string, { redirect: 'manual' });
  const { search } = new URL(there.headers.get('location') as string);
  const cookie = begun.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ');
  const back = await fetch(`${apiUrl}/ui/login/callback${search}`, { headers: { cookie }, redirect: 'manual' });
  const session = back.headers.getSetCookie().find((each) => each.startsWith('__Host-tasker=oidc'));
  return session?.split(';')[0] as string;
}

const as = (session: string, method: string, path: string, body?: object) =>
  fixture.call(method, path, { body, headers: { cookie: session, 'sec-fetch-site': 'same-origin' } });
const end = async (session: string): Promise<number> =>
  (await fixture.call('DELETE', `/v1/sign-ins/${session.split('.')[1]}`, { key: await fixture.key() })).status;
const stateOf = async (id: string) =>
  (await fixture.call('GET', `/v1/operations/${id}`, { key: await fixture.key() })).body;

/** A running operation on this many tasks, of which a scheduler has done a chunk of 25. */
async function started(session: string, count = 30): Promise<{ id: string; taskIds: string[] }> {
  const taskIds = await tasks.failed(count, 'bank');
  const body = {
    action: 'retry',
    task_ids: taskIds,
    pace_per_second: 1000,
    stop_share: null,
    reason: 'the bank is back',
  };
  const made = await as(session, 'POST', '/v1/operations', body);
  const { operation_id: id, token } = made.body as unknown as { operation_id: string; token: string };
  const run = await as(session, 'POST', `/v1/operations/${id}:start`, { token });
  expect(run, run.text).toMatchObject({ status: 200, body: { state: 'running' } });
  await workRound(fixture);
  expect(await stateOf(id)).toMatchObject({ state: 'running', done: Math.min(25, count) });
  return { id, taskIds };
}

it('stops within one chunk if an administrator ends the sign-in of the person, and goes on if that person, signed in anew, resumes it', async () => {
  const ada = await signIn('ada', 'shop-ops');
  const { id } = await started(ada);
  expect(await end(ada)).toBe(200);
  await workRound(fixture);
  const stopped = await stateOf(id);
  expect(stopped).toMatchObject({ state: 'stopped', done: 25, by: 'ada' });
  expect(stopped['why']).toContain('the sign-in of the person who started it was ended');
  // Resumed with the old session, which processes accept for some seconds more, it goes on just as little.
  await as(ada, 'POST', `/v1/operations/${id}:resume`);
  await workRound(fixture);
  expect(await stateOf(id)).toMatchObject({ state: 'stopped', done: 25 });
  const anew = await signIn('ada', 'shop-ops');
  expect((await as(anew, 'POST', `/v1/operations/${id}:resume`)).status).toBe(200);
  await workRound(fixture);
  expect(await stateOf(id)).toMatchObject({ done: 30 });
});

it('is taken over by whoever resumes it: the end of the first sign-in is about them no longer', async () => {
  const ada = await signIn('ada', 'shop-ops');
  const { id } = await started(ada);
  const bob = await signIn('bob', 'tasker-admins');
  expect((await as(bob, 'POST', `/v1/operations/${id}:pause`)).status).toBe(200);
  expect((await as(bob, 'POST', `/v1/operations/${id}:resume`)).body).toMatchObject({ state: 'running', by: 'bob' });
  expect(await end(ada)).toBe(200);
  await workRound(fixture);
  expect(await stateOf(id)).toMatchObject({ done: 30 });
});

it.each([
  ['has signed out', (session: string) => as(session, 'DELETE', '/ui/session')],
  [
    'has been signed in for as long as a sign-in lasts',
    () => fixture.test.query('UPDATE tasker.tasker_sign_ins SET expires_at = clock_timestamp()'),
  ],
])('goes on if the person %s: nobody has to keep a browser open', async (_what, leave) => {
  const ada = await signIn('ada', 'shop-ops');
  const { id } = await started(ada);
  await leave(ada);
  await workRound(fixture);
  expect(await stateOf(id)).toMatchObject({ done: 30 });
});

it('is aborted by another person who may, and by nobody else; what is left is as it was', async () => {
  const ada = await signIn('ada', 'shop-ops');
  const { id, taskIds } = await started(ada);
  const eve = await signIn('eve', 'staff');
  expect((await as(eve, 'POST', `/v1/operations/${id}:abort`)).status).toBe(403);
  expect(
    (
      await fixture.call('POST', `/v1/operations/${id}:abort`, {
        headers: { cookie: ada, 'sec-fetch-site': 'cross-site' },
      })
    ).status,
  ).toBe(403);
  const bob = await signIn('bob', 'tasker-admins');
  const aborted = await as(bob, 'POST', `/v1/operations/${id}:abort`, { reason: 'the bank is down again' });
  expect(aborted, aborted.text).toMatchObject({ status: 200, body: { state: 'aborted' } });
  expect(aborted.body['why']).toBe('by bob: the bank is down again');
  await tasks.work();
  await workRound(fixture);
  expect(await stateOf(id)).toMatchObject({ state: 'aborted', done: 25 });
  const left = await fixture.test.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM tasker.tasker_tasks WHERE task_id = ANY ($1::bigint[]) AND state = 'error'`,
    [taskIds],
  );
  expect(left[0]?.n).toBe(5);
  const audit = await fixture.call('GET', '/v1/audit?act=operation.abort', { key: await fixture.key() });
  expect(audit.body.items?.map(({ by, refused }) => [by, refused])).toEqual(
    expect.arrayContaining([
      ['bob', false],
      ['eve', true],
    ]),
  );
});
