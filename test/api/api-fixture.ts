import { afterAll, beforeAll } from 'vitest';
import { createKey, type KeyOptions } from '../../src/api/auth/create-key.ts';
import type { ApiProcess } from '../../src/api/start-api.ts';
import type { SettingsInCode } from '../../src/process/settings-in-code.ts';
import { type EngineFixture, useEngine } from '../engine/engine-fixture.ts';
import { openApi } from '../support/open-api.ts';

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  body: Record<string, unknown> & { items?: Record<string, unknown>[] };
}

export interface ApiFixture extends EngineFixture {
  readonly api: ApiProcess;
  key(options?: Partial<KeyOptions>): Promise<string>;
  /** `key`: of the request; none if it is undefined. */
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
}

export interface CallOptions {
  key?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
}

/** An API on a database of the test file. */
export async function useApi(settings: SettingsInCode = {}): Promise<ApiFixture> {
  const engine = await useEngine();
  let api: ApiProcess | undefined;
  const started = (): ApiProcess => api as ApiProcess;
  beforeAll(async () => {
    api = await openApi(engine.test.url, settings);
  });
  afterAll(async () => {
    await api?.stop();
  });
  return {
    ...engine,
    get api() {
      return started();
    },
    key: async (options = {}) =>
      (await createKey(engine.db, { name: 'test', role: 'admin', payload: true, ...options })).key,
    call: (method, path, options) => call(started().apiUrl, method, path, options),
  };
}

export async function call(
  url: string,
  method: string,
  path: string,
  { key, body, headers = {} }: CallOptions = {},
): Promise<Reply> {
  const isText = typeof body === 'string';
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: (isJson && text !== '' && !text.includes('\n') ? JSON.parse(text) : {}) as Reply['body'],
  };
}
