import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import type { Logger } from '../../src/logger.ts';
import type { Host } from '../../src/process/host.ts';
import { openSchedulersArchive } from '../../src/scheduler/schedulers-archive.ts';
import { Archive } from '../../src/archive/archive.ts';
import { openStore } from '../../src/archive/stores/open-store.ts';
import type { ArchiveStore } from '../../src/archive/stores/store.ts';
import { ArchiveUnavailableError, ConfigError } from '../../src/errors.ts';

const folder = await mkdtemp(join(tmpdir(), 'tasker-stores-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const KEY = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
let server: S3rver;
let endpoint: string;
beforeAll(async () => {
  const directory = join(folder, 's3');
  await mkdir(directory);
  server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: 'archive', configs: [] }],
  });
  const { port } = await server.run();
  endpoint = `http://127.0.0.1:${port}`;
});
afterAll(() => server.close());

const STORES: Record<string, () => Promise<ArchiveStore>> = {
  folder: () => openStore({ url: `file://${folder}/archive` }),
  's3-compatible store': () => openStore({ url: 's3://archive/fleet/a', endpoint, ...KEY }),
};

const bytes = async (chunks: AsyncIterable<Uint8Array> | undefined): Promise<string | undefined> => {
  if (chunks === undefined) return undefined;
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString();
};

const names = async (store: ArchiveStore, prefix: string): Promise<string[]> => {
  const found: string[] = [];
  for await (const { name } of store.list(prefix)) found.push(name);
  return found.toSorted();
};

describe.each(Object.keys(STORES))('a %s', (kind) => {
  let store: ArchiveStore;
  beforeAll(async () => {
    store = await (STORES[kind] as () => Promise<ArchiveStore>)();
  });

  it('has an object whole from its end on, and nothing before', async () => {
    const writer = await store.create('x/2026-11/one.ndjson.gz');
    await writer.write(Buffer.from('hello '));
    expect(await names(store, '')).toEqual([]);
    expect(await store.size('x/2026-11/one.ndjson.gz')).toBeUndefined();
    await writer.write(Buffer.from('world'));
    await writer.finish();
    await writer.abort();
    expect(await bytes(await store.read('x/2026-11/one.ndjson.gz'))).toBe('hello world');
    expect(await store.size('x/2026-11/one.ndjson.gz')).toBe(11);
    expect(await names(store, 'x/')).toEqual(['x/2026-11/one.ndjson.gz']);
    expect(await names(store, 'y/')).toEqual([]);
  });

  it('leaves nothing of an object that was given up', async () => {
    const writer = await store.create('x/given-up');
    await writer.write(Buffer.alloc(9 * 1024 * 1024));
    await writer.abort();
    expect(await names(store, 'x/given')).toEqual([]);
  });

  it('takes an object of many parts, and reads parts of it', async () => {
    const writer = await store.create('x/large');
    for (let part = 0; part < 3; part += 1) await writer.write(Buffer.alloc(6 * 1024 * 1024, `${part}`));
    await writer.finish();
    expect(await store.size('x/large')).toBe(18 * 1024 * 1024);
    expect((await store.readPart('x/large', 6 * 1024 * 1024 - 2, 4))?.toString()).toBe('0011');
    expect((await store.readPart('x/large', 18 * 1024 * 1024 - 1, 4))?.toString()).toBe('2');
    await store.remove('x/large');
  });

  it('has undefined for what is not there, and removes it without an error', async () => {
    expect(await store.read('x/none')).toBeUndefined();
    expect(await store.readPart('x/none', 0, 3)).toBeUndefined();
    expect(await store.size('x/none')).toBeUndefined();
    await store.remove('x/none');
    await store.remove('x/2026-11/one.ndjson.gz');
    expect(await names(store, '')).toEqual([]);
  });

  it('lists more objects than one page has', async () => {
    for (let n = 0; n < 12; n += 1) {
      const writer = await store.create(`many/${n}`);
      await writer.write(Buffer.from('x'));
      await writer.finish();
    }
    expect(await names(store, 'many/')).toHaveLength(12);
    for (let n = 0; n < 12; n += 1) await store.remove(`many/${n}`);
  });
});

describe('a store that fails', () => {
  it('says what and where: a folder without rights, a bucket that is not there, an unknown key, a server that is away', async () => {
    await writeFile(join(folder, 'file'), '');
    const inFile = await openStore({ url: `file://${folder}/file` });
    await expect(inFile.create('x/y')).rejects.toThrow(ArchiveUnavailableError);
    await expect(inFile.create('x/y')).rejects.toThrow(/folder .*file cannot write x\/y/);
    const noBucket = await openStore({ url: 's3://nowhere', endpoint, ...KEY });
    const away = await openStore({ url: 's3://archive', endpoint: 'http://127.0.0.1:9', ...KEY });
    const wrong = await openStore({ url: 's3://archive', endpoint, ...KEY, accessKeyId: 'unknown' });
    for (const store of [noBucket, away, wrong]) {
      const writer = await store.create('x/y');
      await writer.write(Buffer.from('x'));
      await expect(writer.finish()).rejects.toThrow(ArchiveUnavailableError);
      await writer.abort();
    }
  });

  it.each([
    [{ url: 'ftp://x/y' }, /^TASKER_ARCHIVE_URL .* is "ftp:/],
    [{ url: 'file://host/x' }, /^TASKER_ARCHIVE_URL/],
    [{ url: 's3://bucket' }, /needs a key/],
    [{ url: 's3://bucket', accessKeyId: 'a', secretAccessKeyFile: '/nowhere' }, /TASKER_ARCHIVE_SECRET_FILE/],
  ])('%j is refused', async (settings, message) => {
    await expect(openStore(settings)).rejects.toThrow(ConfigError);
    await expect(openStore(settings)).rejects.toThrow(message);
  });

  it('of a bucket without a key is refused by a scheduler when it starts', () => {
    const config = { archiveUrl: 's3://bucket', archiveAccessKeyId: 'a' } as Config;
    expect(() => openSchedulersArchive({} as Host, config, {} as Logger)).toThrow(/needs a key: set AWS_ACCESS_KEY_ID/);
  });

  it('is reported as failing when its secret cannot be read', async () => {
    const states: boolean[] = [];
    const settings = { url: 's3://archive', endpoint, ...KEY, secretAccessKey: undefined };
    const archive = new Archive({ ...settings, secretAccessKeyFile: join(folder, 'later') }, (failing) =>
      states.push(failing),
    );
    await expect(archive.use(async () => 1)).rejects.toThrow(/TASKER_ARCHIVE_SECRET_FILE .* cannot be read/);
    await writeFile(join(folder, 'later'), KEY.secretAccessKey);
    expect(await archive.use(async () => 1)).toBe(1);
    expect(states).toEqual([true, false]);
  });

  it('takes the secret of a file', async () => {
    const file = join(folder, 'secret');
    await writeFile(file, 'S3RVER\n');
    const store = await openStore({ url: 's3://archive', endpoint, accessKeyId: 'S3RVER', secretAccessKeyFile: file });
    expect(await names(store, 'none/')).toEqual([]);
  });
});
