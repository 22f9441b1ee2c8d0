import { describe, expect, it } from 'vitest';
import type { Logger } from '../../src/logger.ts';
import { handlerLogger } from '../../src/logger/safe-logger.ts';
import { hidePasswords, isSecretName } from '../../src/secrets.ts';
import { useProcesses } from '../support/processes.ts';

type Line = Record<string, unknown> & { message?: string };

const processes = useProcesses();

/** A key that is there twice is lost in JSON.parse: as written, the top level of a line has each key once. */
function keysOf(line: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  for (const [token, text, colon] of line.matchAll(/("(?:[^"\\]|\\.)*")(:)?|[{}[\]]/g)) {
    if (text !== undefined) {
      if (colon !== undefined && depth === 1) keys.push(text);
    } else depth += token === '{' || token === '[' ? 1 : -1;
  }
  return keys;
}

describe('the logger', async () => {
  const program = processes.start('test/logger/hostile-lines.ts');
  const { code } = await program.exited;
  const written = program.lines.filter((line) => line.startsWith('{'));
  const lines = written.map((line) => JSON.parse(line) as Line);
  const line = (name: string, message = 'as a field'): Line =>
    lines.find((each) => each['case'] === name && each.message === message) as Line;

  it('throws for nothing that it is given, and writes a line each time', () => {
    expect(code).toBe(0);
    expect(program.lines).toContain('failures: []');
    expect(lines.filter(({ hostile }) => hostile !== undefined).length).toBeGreaterThan(100);
  });

  it('writes bounded lines', () => {
    const longest = Math.max(...written.map((text) => text.length));
    expect(longest).toBeGreaterThan(10_000);
    expect(longest).toBeLessThan(200_000);
    expect(Object.keys(line('many')['many'] as object)).toHaveLength(101);
    expect(line('many')['many']).toMatchObject({ '...': '99900 more' });
    expect((line('list')['list'] as unknown[]).at(-1)).toBe('... 999900 more');
  });

  it('shows what can be shown', () => {
    expect(line('response')['response']).toBe('[Response]');
    expect(line('signal')['signal']).toBe('[AbortSignal]');
    expect(line('buffer')['buffer']).toBe('[binary data, 7 bytes]');
    expect(line('throwing')['throwing']).toEqual({ bad: '[cannot be read: no luck]', fine: 1 });
    expect(line('big')['big']).toBe('12345678901234567890');
    expect(line('dom')['dom']).toMatchObject({ name: 'AbortError', message: 'aborted' });
    expect(line('realm')['realm']).toMatchObject({ name: 'TypeError', message: 'from elsewhere' });
    expect(line('error')['error']).toMatchObject({
      message: 'level 50',
      stack: expect.any(String),
      cause: { message: 'level 49' },
    });
    expect(line('cyclic_error')['cyclic_error']).toMatchObject({ message: 'cyclic', cause: '[circular]' });
    expect(lines.find(({ message }) => message === 'the message')).toMatchObject({
      level: 'error',
      err: { message: 'the message' },
    });
    expect(lines.find(({ message }) => message === 'taken out')).toMatchObject({ role: 'test' });
  });

  it('hides secrets at any depth, in every kind of object, and what the paths name', () => {
    expect(written.filter((text) => text.includes('hunter2'))).toEqual([]);
    expect(line('secrets')['secrets']).toEqual('[redacted]');
    expect(line('url')['url']).toBe('https://user:[redacted]@example.org/a');
    expect(line('to_json')['to_json']).toEqual({ token: '[redacted]', kept: 1, again: 'postgres://u:[redacted]@h/d' });
    expect(line('paths')['order']).toEqual({ note: '[redacted]', hidden: '[redacted]', total: 1 });
    expect(lines.find(({ message }) => message === 'counts')).toMatchObject({
      max_tokens: 5,
      token_count: 6,
      tokens_used: 7,
      cardinality: 8,
      bypass: true,
    });
  });

  it('keeps the fields of the line from being overwritten or written twice', () => {
    expect(lines.find(({ message }) => message === 'hello')).toMatchObject({
      level: 'info',
      role: 'test',
      task_id: '7',
      field_level: 'x',
      field_time: 'x',
      field_pid: 'x',
      field_task_id: 'x',
      field_message: 'x',
    });
    expect(lines.find(({ message }) => message === 'grandchild')).toMatchObject({
      task_id: '7',
      field_task_id: 'y',
      extra: 1,
      field_extra: 2,
    });
    const twice = written.filter((text) => new Set(keysOf(text)).size < keysOf(text).length);
    expect(twice).toEqual([]);
  });
});

it('what a logger of the program’s own throws does not reach the handler', () => {
  const seen: unknown[] = [];
  const fails = (fields: object): void => {
    seen.push(fields);
    throw new Error('the disk is full');
  };
  const child = { debug: fails, info: fails, warn: fails, error: fails };
  const log = handlerLogger({ child: () => child } as unknown as Logger, { task_id: '1' });
  expect(() => log.info({ url: new URL('http://a/b'), task_id: 'mine', password: 'p' }, 'x')).not.toThrow();
  expect(seen).toEqual([{ url: 'http://a/b', field_task_id: 'mine', password: '[redacted]' }]);
  const broken = { child: () => fails({}) } as unknown as Logger;
  expect(() => handlerLogger(broken, {}).error('x')).not.toThrow();
});

describe('names of secrets', () => {
  it.each([
    'password',
    'userPassword',
    'DB_PASSWORD',
    'passwd',
    'card',
    'cardNumber',
    'card_number',
    'cardnumber',
    'pan',
    'cvv',
    'cvc',
    'CVV2',
    'ssn',
    'iban',
    'token',
    'accessToken',
    'accesstoken',
    'refresh_tokens',
    'api_key',
    'apiKey',
    'x-api-key',
    'privateKey',
    'Authorization',
    'set-cookie',
    'clientSecret',
    'connectionString',
    'databaseUrl',
    'DATABASE_URL',
    'pin',
    'credentials',
    'HTTPToken',
    'security_code',
  ])('%s', (name) => expect(isSecretName(name)).toBe(true));
  it.each([
    'max_tokens',
    'token_count',
    'cardinality',
    'discard',
    'bypass',
    'compass',
    'span',
    'company',
    'spin',
    'key',
    'idempotencyKey',
    'password_length',
    'card_type',
    'author',
    'name',
    'taskId',
    'panel',
    '',
  ])('not %s', (name) => expect(isSecretName(name)).toBe(false));
  it('hides the password of a URL in a text, and nothing else of it', () =>
    expect(hidePasswords('postgres://me:hunter2@db/x and redis://:pw@c; http://a/b:c@d')).toBe(
      'postgres://me:[redacted]@db/x and redis://:[redacted]@c; http://a/b:c@d',
    ));
});
