import { expect, it } from 'vitest';
import { call, useApi } from '../../api/api-fixture.ts';
import { allOperations, fuzzedRequest, randomOf } from '../../api/fuzz.ts';
import { diamond } from '../../engine/engine-fixture.ts';

/** The long form: FUZZ_REQUESTS=100000 npx vitest run --config vitest.reliability.config.ts test/reliability/api/fuzz.test.ts */
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 1500);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const AT_ONCE = 8;

const fixture = await useApi({ apiMaxRequests: '1000' });

it(
  `${REQUESTS} requests that no program would make: none is an error of the API, and the process goes on`,
  async () => {
    const key = await fixture.key();
    const workflow = await fixture.workflow(diamond);
    const ids = await Promise.all(Array.from({ length: 20 }, () => fixture.submitOne(workflow)));
    // Examining the data reads all of it each time.
    const operations = allOperations().filter(({ path }) => !path.includes('doctor'));
    const random = randomOf(SEED);
    const statuses = new Map<number, number>();
    let left = REQUESTS;
    const send = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const { method, path, headers, body } = fuzzedRequest(random, ids, operations);
        const reply = await call(fixture.api.apiUrl, method, path, { key, body, headers });
        expect(reply.status, `${method} ${path} ${body ?? ''} ${JSON.stringify(headers)}: ${reply.text}`).toBeLessThan(
          500,
        );
        expect(reply.text).not.toMatch(/\n\s+at |SQLSTATE|relation "/);
        statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, send));
    console.log(Object.fromEntries([...statuses].toSorted()));
    expect((await call(fixture.api.apiUrl, 'GET', '/livez')).status).toBe(200);
    expect(statuses.get(200)).toBeGreaterThan(0);
  },
  Math.max(60_000, REQUESTS * 50),
);
