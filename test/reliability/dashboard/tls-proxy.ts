import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How a proxy passes requests on. */
export interface ProxyOptions {
  /** Below which path the API is, for those outside: `/ops/tasker/`. */
  readonly prefix: string;
  /** `kept`: the API gets the prefix as it came; `stripped`: without it, with X-Forwarded-Prefix. */
  readonly passes: 'kept' | 'stripped';
  /** A response in which nothing comes for this many milliseconds is cut. */
  readonly idleMs: number;
}

export interface TlsProxy {
  /** With the prefix: `https://127.0.0.1:1234/ops/tasker/`. */
  readonly url: string;
  /** Requests outside of the prefix: another program's. */
  readonly outside: string[];
  close(): Promise<void>;
}

/** TLS ends here; the API gets plain HTTP/1.1 from 127.0.0.1, with another Host, as behind an Ingress. */
export async function openTlsProxy(apiUrl: string, { prefix, passes, idleMs }: ProxyOptions): Promise<TlsProxy> {
  const outside: string[] = [];
  const { hostname, port } = new URL(apiUrl);
  const server = createServer(certificate(), (incoming, outgoing) => {
    const given = incoming.url ?? '/';
    if (!given.startsWith(prefix)) {
      outside.push(given);
      outgoing.writeHead(404).end();
      return;
    }
    const path = passes === 'kept' ? given : `/${given.slice(prefix.length)}`;
    const added = {
      host: 'tasker.internal',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '192.0.2.1',
      ...(passes === 'stripped' ? { 'x-forwarded-prefix': prefix } : {}),
    };
    const passed = request(
      { hostname, port, path, method: incoming.method, headers: { ...incoming.headers, ...added } },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    passed.setTimeout(idleMs, () => passed.destroy());
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
    outside,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Signed by itself, for a day. */
function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'tasker-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '1',
        '-subj',
        '/CN=127.0.0.1',
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    );
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
