import { describe, expect, it } from 'vitest';
import { BasePath } from '../../src/api/http/base-path.ts';
import { isBasePath, networksOf } from '../../src/config/proxies.ts';

const incoming = (url: string, from = '127.0.0.1', prefix?: string) => ({
  url,
  headers: prefix === undefined ? {} : { 'x-forwarded-prefix': prefix },
  socket: { remoteAddress: from },
});

describe('where the API is for whoever asks', () => {
  it('is the configured path, taken away by the proxy or not', () => {
    const base = new BasePath('/ops/tasker/', []);
    expect(base.of(incoming('/'))).toBe('/ops/tasker');
    expect(base.stripped(incoming('/ops/tasker/v1/tasks?limit=1'))).toBe('/v1/tasks?limit=1');
    expect(base.stripped(incoming('/v1/tasks'))).toBe('/v1/tasks');
    expect(base.stripped(incoming('/ops/tasker'))).toBe('/');
    expect(base.stripped(incoming('/ops/tasker?x=1'))).toBe('/?x=1');
    // Another program beside it is not below it.
    expect(base.stripped(incoming('/ops/tasker-old/v1'))).toBe('/ops/tasker-old/v1');
  });

  it('is what a trusted proxy says, and nobody else', () => {
    const base = new BasePath('/', ['10.0.0.0/8', '::1']);
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '::1'])
      expect(base.of(incoming('/', address, '/a/b/'))).toBe('/a/b');
    for (const address of ['11.1.2.3', '127.0.0.1', '::2', ''])
      expect(base.of(incoming('/', address, '/a/b/'))).toBe('');
    expect(base.stripped(incoming('/a/b/v1/me', '10.0.0.1', '/a/b'))).toBe('/v1/me');
  });

  it.each([
    '//evil.example',
    '/a"><script>',
    '/a b',
    '/../x',
    '/a/..',
    'a',
    '/a//b',
    '/a\\b',
    '/%2e%2e',
    '/a?b',
    '/a;b',
  ])('is never %s', (prefix) => {
    expect(isBasePath(prefix)).toBe(false);
    expect(new BasePath('/', ['127.0.0.1']).of(incoming('/', '127.0.0.1', prefix))).toBe('');
  });

  it.each(['/', '/ops', '/ops/tasker/', '/a.b/c-d_e~f'])('may be %s', (prefix) => {
    expect(isBasePath(prefix)).toBe(true);
  });

  it.each([['10.0.0.0/33'], ['host'], ['1.2.3'], ['10.0.0.0/8/8'], ['::1/129'], ['']])('no network is %s', (name) => {
    expect(networksOf([name])).toBeUndefined();
  });
});
