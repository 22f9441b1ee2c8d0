import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineStatement, rows } from '../../src/db/statement.ts';

const anyRow = defineStatement<{ n: number }>();

describe('named parameters', () => {
  it('become $n in the order in which they are declared, however often the text has them', () => {
    const given = anyRow({
      name: 's',
      params: { worker_id: 'bigint', queue: 'text' },
      text: 'SELECT :queue, :worker_id::bigint, :queue',
    });
    expect(given.text).toBe('SELECT $2, $1::bigint, $2');
    expect(given.values({ queue: 'default', worker_id: '7' })).toEqual(['7', 'default']);
  });

  it('rows are one array for each column, named again by the alias', () => {
    const given = anyRow({
      name: 's',
      params: {
        worker_id: 'bigint',
        steps: rows({ task_id: 'bigint', permanent: 'boolean', wait: 'float8 | null', metadata: 'jsonb' }),
      },
      text: 'FROM :steps AS i, :steps (metadata, task_id) AS j, :steps WITH ORDINALITY AS k WHERE :worker_id < ANY (:steps.task_id)',
    });
    const all = '$2::bigint[], $3::boolean[], $4::float8[], $5::jsonb[]';
    expect(given.text).toBe(
      `FROM unnest(${all}) AS i (task_id, permanent, wait, metadata), unnest($5::jsonb[], $2::bigint[]) AS j (metadata, task_id), ` +
        `unnest(${all}) WITH ORDINALITY AS k (task_id, permanent, wait, metadata, ordinality) WHERE $1 < ANY ($2::bigint[])`,
    );
    const steps = [
      { task_id: '1', permanent: true, wait: null, metadata: '{"a":"\\\\"}' },
      { task_id: '2', permanent: false, wait: 1.5, metadata: '2' },
    ];
    expect(given.values({ worker_id: 3, steps })).toEqual([
      3,
      '{1,2}',
      '{true,false}',
      '{NULL,1.5}',
      '{"{\\"a\\":\\"\\\\\\\\\\"}","2"}',
    ]);
    expect(given.values({ worker_id: 3, steps: [] })).toEqual([3, '{}', '{}', '{}', '{}']);
  });

  it('arrays are literals, a missing one is NULL, and everything else goes to the driver as it is', () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    const given = anyRow({
      name: 's',
      params: { queues: 'text[]', ids: 'bigint[] | null', at: 'timestamptz', times: 'timestamptz[]' },
      text: ':queues :ids :at :times',
    });
    expect(given.values({ queues: ['a', 'b"c'], ids: null, at, times: [at, '-infinity'] })).toEqual([
      '{"a","b\\"c"}',
      null,
      at,
      '{"2026-01-02T03:04:05.678Z","-infinity"}',
    ]);
  });

  it.each([
    ['a cast', 'x::bigint'],
    ['a string', `'at :noon, it''s :late'`],
    ['a quoted name', '"a:b"'],
    ['a comment', '-- see :there\n/* and :here */'],
    ['a body', 'DO $$ x := :y $$; DO $body$ $$ :y $$ $body$'],
    ['an assignment', 'x :=y'],
    ['a slice', 'a[m:n] || b[1:2] || c[(m):n]'],
  ])('%s has none', (_, text) => {
    expect(anyRow({ name: 's', text }).text).toBe(text);
  });

  it('what does not fit the text is an error of the first use', () => {
    const params = { ids: rows({ id: 'bigint' }), n: 'integer' } as const;
    const define = (text: string) => () => anyRow({ name: 'some_statement', params, text }).text;
    expect(define('FROM :ids AS i WHERE :m')).toThrow('statement some_statement has no parameter :m');
    expect(define('FROM :ids AS i')).toThrow('statement some_statement does not use n');
    expect(define('FROM :ids (key) AS i WHERE :n')).toThrow(
      'parameter :ids of statement some_statement has no column key',
    );
    expect(define('FROM :ids i WHERE :n')).toThrow('write :ids AS an alias');
  });

  it('have types', () => {
    const given = anyRow({
      name: 's',
      params: { n: 'integer', names: 'text[] | null', steps: rows({ id: 'bigint', at: 'timestamptz | null' }) },
      text: ':n :names :steps AS i',
    });
    type Params = Parameters<typeof given.values>[0];
    expectTypeOf<Params['n']>().toEqualTypeOf<number>();
    expectTypeOf<Params['names']>().toEqualTypeOf<readonly string[] | null | undefined>();
    expectTypeOf<Params['steps'][number]>().toEqualTypeOf<{
      readonly id: string | number;
      readonly at: Date | string | null | undefined;
    }>();
    // @ts-expect-error: a parameter that the statement does not have.
    given.values({ n: 1, names: [], steps: [], m: 2 });
    // @ts-expect-error: a parameter is missing.
    expect(() => given.values({ n: 1, names: null })).toThrow('undefined');
    const none = anyRow({ name: 's', text: 'SELECT 1' });
    expectTypeOf(none.values).parameters.toEqualTypeOf<[]>();
  });
});
