import fc from '../support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { toStorableJson } from '../../src/workflow/to-storable-json.ts';
import { noEvents, useWorkers } from './worker-fixture.ts';

/** A handler receives the same text, with its members in the same order, from memory and from the database. */
const fleet = await useWorkers();
const anything = z.unknown();
const maxBytes = 1_048_576;

/** Options with which children are claimed by completions (more slots than a claim reserves), and the number of those children. */
function chaining() {
  const seen = { chained: 0 };
  const events = {
    ...noEvents,
    claimed: (info: { chained: boolean; steps: number }) => void (seen.chained += info.chained ? info.steps : 0),
  };
  return { seen, options: { slots: 200, pollIntervalMs: 200, maxPollIntervalMs: 200, events } };
}

/** Texts as the database writes them, of texts as jsonb. */
async function fromDatabase(texts: readonly string[]): Promise<string[]> {
  const rows = await fleet.test.query<{ text: string }>(
    'SELECT t.value::text AS text FROM unnest($1::jsonb[]) WITH ORDINALITY AS t (value, place) ORDER BY t.place',
    [texts],
  );
  return rows.map((row) => row.text);
}

function inMemory(value: unknown): string {
  const storable = toStorableJson(value, { maxBytes, asJsonb: true });
  if (!storable.ok) throw new Error(storable.reason);
  return storable.json;
}

/** Every order of members that an object has anywhere. */
function orders(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(orders);
  if (typeof value !== 'object' || value === null) return null;
  return Object.entries(value).map(([key, member]) => [key, orders(member)]);
}

/** Without backslashes: JSON.parse of Node 24 takes a key with an escape for one with a backslash that it met before. */
const key = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 6 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom(
      '__proto__',
      'constructor',
      'toJSON',
      '10',
      '9',
      '-1',
      '01',
      '4294967295',
      '',
      'é',
      'zz',
      '\uffff',
      '😀',
      '"',
      '\n\t\u0001\u007f\u2028',
    ),
  )
  .filter((name) => !name.includes('\\'));
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(
    -0,
    0,
    1e21,
    1.5e21,
    -1e-7,
    1.25e-7,
    5e-324,
    1.7976931348623157e308,
    2 ** 53,
    0.1,
    1e20,
    123456789012345680000,
  ),
);
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('\u0001\u001f\b\f\n\r\t"\\/', '\u2028\u007f'),
);
const { value: anyJson } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(number, text, fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 7 }).map((entries) => Object.fromEntries(entries)),
  ),
}));
/** What the writer refuses is refused at every attempt. */
const storable = anyJson.filter((value) => toStorableJson(value, { maxBytes }).ok);

describe('the text of a result', () => {
  it('is the same in memory as in the database, with the same order of members', async () => {
    const seed = Date.now() % 2 ** 31;
    const values = fc.sample(storable, { numRuns: 1500, seed });
    const mine = values.map(inMemory);
    const theirs = await fromDatabase(mine);
    expect(mine, `seed ${seed}`).toEqual(theirs);
    expect(mine.map((json) => orders(JSON.parse(json)))).toEqual(theirs.map((json) => orders(JSON.parse(json))));
    // The ordinary text has the same value, and the database writes it as the same text.
    const ordinary = values.map((value) => (toStorableJson(value, { maxBytes }) as { json: string }).json);
    expect(await fromDatabase(ordinary), `seed ${seed}`).toEqual(mine);
  });

  it('is also the same for the deepest, the largest and the strangest values', async () => {
    let deep: unknown = { z: 1, aa: 2, b: [] };
    for (let level = 0; level < 498; level += 1) deep = level % 2 === 0 ? [deep] : { deep, a: level };
    const wide = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, index) => [`k${(index * 7919) % 20_000}`, index]),
    );
    const values = [
      deep,
      wide,
      JSON.parse('{"b":1,"__proto__":{"c":1,"a":2},"10":1,"9":2}'),
      'x'.repeat(900_000),
      { '\\': 1, '\\\\': 2, '"': 3, '\n': 4 },
      [],
      {},
      [{}, []],
      new Date(0),
    ];
    const mine = values.map(inMemory);
    expect(await fromDatabase(mine)).toEqual(mine);
  });
});

describe('a handler', () => {
  const compose = {
    customer: 'c-1',
    amount: 4200,
    currency: 'EUR',
    lines: [{ sku: 'A', qty: 1, é: 1, zz: 2 }],
    tiny: 1e-7,
    huge: 1e21,
  };

  it('posts the same bytes at its first attempt, from memory, and at its second, from the database', async () => {
    const bodies: string[] = [];
    const raws: unknown[] = [];
    const workflow = defineWorkflow({ name: 'same_bytes', input: anything })
      .step('compose', () => compose)
      .step('tags', () => ['b', 'a'])
      .step('charge', { dependsOn: ['compose', 'tags'], retryLimit: 3 }, ({ parents, input, raw, attempt }) => {
        bodies.push(JSON.stringify({ parents, input }));
        raws.push({ ...raw });
        if (attempt < 3) throw new Error('the response was lost');
        return Object.keys(parents.compose);
      });
    const chains = chaining();
    const taskId = await fleet.submit(workflow, { zeta: 1, a: { ccc: 1, bb: 2 } });
    await fleet.start([workflow], chains.options);
    await fleet.taskIn(taskId, ['complete']);
    expect(chains.seen.chained, 'the first attempt had its parents from memory').toBe(1);
    expect(bodies).toHaveLength(3);
    expect(new Set(bodies).size).toBe(1);
    expect(raws[0]).toEqual(raws[2]);
    expect(raws[1]).toEqual({
      input: '{"a": {"bb": 2, "ccc": 1}, "zeta": 1}',
      parents: {
        compose:
          '{"huge": 1000000000000000000000, "tiny": 0.0000001, "lines": [{"zz": 2, "é": 1, "qty": 1, "sku": "A"}], "amount": 4200, "currency": "EUR", "customer": "c-1"}',
        tags: '["b", "a"]',
      },
    });
    const client = createClient({ url: fleet.test.url });
    const task = await client.waitForTask(taskId);
    await client.close();
    const stored = task.steps.find((step) => step.name === 'compose')?.results;
    const seen = (JSON.parse(bodies[0] as string) as { parents: { compose: unknown } }).parents.compose;
    expect(JSON.stringify(stored)).toBe(JSON.stringify(seen));
  });

  it('has the input of its own step, if that was given one, at every attempt; the others have the input of the task', async () => {
    const seen: [string, unknown][] = [];
    const workflow = defineWorkflow({ name: 'own_inputs', input: anything })
      .step('a', ({ input }) => {
        seen.push(['a', input]);
      })
      .step('b', { dependsOn: ['a'], retryLimit: 2 }, ({ input, attempt }) => {
        seen.push(['b', input]);
        if (attempt === 1) throw new Error('again');
      })
      .step('c', { dependsOn: ['b'] }, ({ input }) => void seen.push(['c', input]));
    const taskIds: string[] = [];
    // Several tasks: every 16th batch leaves its children to the queue, and then no child is claimed by a completion.
    for (let task = 0; task < 8; task += 1) {
      const taskId = await fleet.submit(workflow, { of: 'the task' });
      taskIds.push(taskId);
      for (const [place, name] of ['a', 'b'].entries()) {
        await fleet.test.query('UPDATE tasker.tasker_workflow_steps SET inputs = $2 WHERE workflow_step_id = $1', [
          String(BigInt(taskId) * 65536n + BigInt(place + 1)),
          JSON.stringify({ of: name }),
        ]);
      }
    }
    const chains = chaining();
    await fleet.start([workflow], chains.options);
    for (const taskId of taskIds) await fleet.taskIn(taskId, ['complete']);
    // Steps without an input of their own are still claimed by completions: c, whose parent retried, is one.
    expect(chains.seen.chained).toBeGreaterThan(0);
    const inputsOf = (step: string) => seen.filter(([name]) => name === step).map(([, input]) => input);
    expect(inputsOf('a')).toEqual(Array.from({ length: 8 }, () => ({ of: 'a' })));
    expect(inputsOf('b')).toEqual(Array.from({ length: 16 }, () => ({ of: 'b' })));
    expect(inputsOf('c')).toEqual(Array.from({ length: 8 }, () => ({ of: 'the task' })));
  });

  it.each([
    { chained: true, cached: true },
    { chained: true, cached: false },
    { chained: false, cached: true },
    { chained: false, cached: false },
  ])(
    'whose step was given an input of its own leaves its siblings and children that of the task: $chained, $cached',
    async ({ chained, cached }) => {
      const seen: [string, unknown][] = [];
      const see = ({ stepName, input }: { stepName: string; input: unknown }) => void seen.push([stepName, input]);
      const workflow = defineWorkflow({ name: `edited_${chained}_${cached}`, input: anything })
        // Its completion puts the input of the task into the cache, if the worker has one.
        .step('first', see)
        .step('edited', { dependsOn: ['first'] }, see)
        .step('sibling', { dependsOn: ['first'] }, see)
        .step('child', { dependsOn: ['edited'] }, see)
        .step('last', { dependsOn: ['child', 'sibling'] }, see);
      const taskIds: string[] = [];
      for (let task = 0; task < 4; task += 1) {
        const taskId = await fleet.submit(workflow, { of: 'the task' });
        taskIds.push(taskId);
        await fleet.test.query(
          `UPDATE tasker.tasker_workflow_steps s SET inputs = '{"of": "the step"}' FROM tasker.tasker_named_steps n
           WHERE n.named_step_id = s.named_step_id AND n.name = 'edited' AND s.task_id = $1`,
          [taskId],
        );
      }
      const chains = chaining();
      await fleet.start([workflow], {
        ...chains.options,
        pollIntervalMs: 20,
        maxPollIntervalMs: 20,
        fusedClaims: chained,
        resultCacheBytes: cached ? 1_000_000 : 0,
      });
      for (const taskId of taskIds) await fleet.taskIn(taskId, ['complete']);
      if (chained) expect(chains.seen.chained).toBeGreaterThan(0);
      else expect(chains.seen.chained).toBe(0);
      const wrong = seen.filter(
        ([step, input]) => (input as { of: string }).of !== (step === 'edited' ? 'the step' : 'the task'),
      );
      expect(wrong).toEqual([]);
      expect(seen).toHaveLength(20);
    },
  );

  it('has the exact text of numbers that JavaScript cannot hold', async () => {
    const seen: unknown[] = [];
    const workflow = defineWorkflow({ name: 'big_numbers', input: anything })
      .step('a', () => ({ quote: '"}', n: 1 }))
      .step('b', { dependsOn: ['a'] }, ({ input, raw }) => {
        seen.push(input, raw.input, raw.parents.a);
      });
    const taskId = await fleet.submit(workflow, undefined, {
      context: '{"id": 12345678901234567890, "price": 19.900000000000000001}',
    });
    await fleet.start([workflow]);
    await fleet.taskIn(taskId, ['complete']);
    expect(seen).toEqual([
      { id: 12345678901234567000, price: 19.9 },
      '{"id": 12345678901234567890, "price": 19.900000000000000001}',
      '{"n": 1, "quote": "\\"}"}',
    ]);
  });
});
