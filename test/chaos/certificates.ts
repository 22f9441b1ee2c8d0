import { execFile } from 'node:child_process';
import { chown, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { whyMissing } from '../support/debian-tool.ts';

const run = promisify(execFile);
const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
/** The driver checks the name, and treats this one as an address. */
const NAMES = 'subjectAltName=DNS:localhost,IP:127.0.0.1';

/** A server's certificate and the authority that the fleet trusts. The files keep their names; a reload reads them again. */
export interface Certificates {
  authorityFile: string;
  certificateFile: string;
  keyFile: string;
  /** Replaces the certificate by one that is valid for a month, or that expired a day ago. */
  issue(validity: 'valid' | 'expired'): Promise<void>;
}

/** Returns undefined if openssl is missing. `owner`: the user who runs the server and may read its key. */
export async function makeCertificates(
  folder: string,
  owner: { uid: number; gid: number } | undefined,
): Promise<Certificates | undefined> {
  if (whyMissing('openssl', 'openssl') !== undefined) return undefined;
  await mkdir(folder);
  const file = (name: string): string => join(folder, name);
  const openssl = async (...args: string[]): Promise<void> => void (await run('openssl', args, { cwd: folder }));
  const authority = ['-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=chaos ca', '-days', '30'];
  await openssl('req', '-x509', ...EC_KEY, ...authority);
  await openssl('req', '-new', ...EC_KEY, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  await writeFile(file('names'), NAMES);
  for (const [name, days] of [
    ['valid', '30'],
    ['expired', '-1'],
  ] as const) {
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-days', days];
    await openssl('x509', '-req', '-in', 'server.csr', ...signed, '-out', `${name}.crt`);
  }
  if (owner !== undefined) await chown(file('server.key'), owner.uid, owner.gid);
  const issue = async (validity: 'valid' | 'expired'): Promise<void> => {
    await run('cp', [file(`${validity}.crt`), file('next.crt')]);
    await rename(file('next.crt'), file('server.crt'));
  };
  await issue('valid');
  return { authorityFile: file('ca.crt'), certificateFile: file('server.crt'), keyFile: file('server.key'), issue };
}
