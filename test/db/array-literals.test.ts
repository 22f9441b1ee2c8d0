import { expect, it } from 'vitest';
import { plainArray, textArray } from '../../src/db/array-literals.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = await useTestDatabase();

it('PostgreSQL reads text arrays unchanged, whatever the texts contain', async () => {
  const texts = ['', 'NULL', 'null', '"', '\\', '\\"', '{}', 'a,b', ' spaced ', '\n\t', 'ü🙂', `'; --`, null];
  const [row] = await database.query<{ texts: (string | null)[] }>('SELECT $1::text[] AS texts', [textArray(texts)]);
  expect(row?.texts).toEqual(texts);
});

it('results arrive as the same JSON', async () => {
  const values = [null, 'say "\\"', { 'k"ey': ['{', ','] }, 1.5, 'null', ''];
  const [row] = await database.query<{ results: unknown[] }>('SELECT to_jsonb($1::jsonb[]) AS results', [
    textArray(values.map((value) => JSON.stringify(value))),
  ]);
  expect(row?.results).toEqual(values);
});

it('ids need no quotes, and an empty list is an empty array', async () => {
  const [row] = await database.query<{ ids: string[]; none: string[]; texts: string[] }>(
    'SELECT $1::bigint[] AS ids, $2::uuid[] AS none, $3::text[] AS texts',
    [plainArray(['1', '9223372036854775807']), plainArray([]), textArray([])],
  );
  expect(row).toEqual({ ids: ['1', '9223372036854775807'], none: [], texts: [] });
});
