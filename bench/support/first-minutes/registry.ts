import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface LocalRegistry {
  readonly url: string;
  stop(): Promise<void>;
}

/** As the public registry sends it. */
const CACHE = { 'cache-control': 'public, max-age=300' };

/**
 * A registry that has one package more than the one that npm is configured for. A tarball that is installed by its path goes another way than
 * the packages of peers: npm reads all of it twice, and keeps nothing of it in its cache.
 */
export async function startRegistry(tarball: string, upstream: string): Promise<LocalRegistry> {
  const archive = readFileSync(tarball);
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (path === '/tasker-fleet') {
      response.writeHead(200, { ...CACHE, 'content-type': 'application/json' });
      response.end(JSON.stringify(packument(url, archive, tarball)));
    } else if (path.startsWith('/tasker-fleet/-/')) response.writeHead(200, CACHE).end(archive);
    else void forward(`${upstream.replace(/\/$/, '')}${path}`, request, response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    stop: () => {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}

/** What npm asks of a package that it knows by name. */
function packument(url: string, archive: Buffer, tarball: string): object {
  const manifest = JSON.parse(
    execFileSync('tar', ['-xOzf', tarball, 'package/package.json'], { encoding: 'utf8' }),
  ) as { name: string; version: string };
  const { name, version } = manifest;
  const dist = {
    tarball: `${url}/${name}/-/${name}-${version}.tgz`,
    integrity: `sha512-${createHash('sha512').update(archive).digest('base64')}`,
    shasum: createHash('sha1').update(archive).digest('hex'),
  };
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } };
}

/** Every other package comes from where it always does; tarballs by the address that the registry names. */
async function forward(address: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = Object.fromEntries(
    ['accept', 'if-none-match', 'if-modified-since'].flatMap((name) => {
      const value = request.headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
  try {
    const found = await fetch(address, { headers });
    const kept = ['content-type', 'etag', 'last-modified', 'cache-control', 'vary'].flatMap((name) => {
      const value = found.headers.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    response.writeHead(found.status, Object.fromEntries(kept)).end(Buffer.from(await found.arrayBuffer()));
  } catch (error) {
    response.writeHead(502).end(String(error));
  }
}
