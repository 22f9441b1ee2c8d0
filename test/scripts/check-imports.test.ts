import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { checkDashboard, checkImports } from '../../scripts/check-imports.ts';

const folders: string[] = [];

function violations(files: Record<string, string>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'imports-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return checkImports(folder).map(({ file, line, rule }) => `${file}:${line}: ${rule}`);
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('the import check', () => {
  it('passes on this repository', () => {
    expect(checkImports(fileURLToPath(new URL('../../src', import.meta.url)))).toEqual([]);
  });

  it('lets a room import itself and what is below it', () => {
    expect(violations({ 'engine/a.ts': `import { b } from './b.ts';\nimport { c } from '../db/c.ts';` })).toEqual([]);
  });

  it('catches an import that goes upwards', () => {
    expect(violations({ 'db/a.ts': `import { b } from '../engine/b.ts';` })).toEqual([
      'src/db/a.ts:1: db may not import engine: imports go downwards',
    ]);
  });

  it('catches siblings that import each other', () => {
    expect(violations({ 'worker/a.ts': `\nimport type { B } from '../scheduler/b.ts';` })).toEqual([
      'src/worker/a.ts:2: worker may not import scheduler: they are siblings',
    ]);
  });

  it('lets rooms of one floor be used from above, and not from each other', () => {
    expect(
      violations({
        'engine/a.ts': `import { r } from '../reads/r.ts';`,
        'reads/r.ts': `import { d } from '../db/d.ts';`,
        'schedules/s.ts': `import { a } from '../engine/a.ts';\nimport { r } from '../reads/r.ts';`,
      }),
    ).toEqual(['src/engine/a.ts:1: engine may not import reads: they are siblings']);
  });

  it('catches two files that import each other', () => {
    expect(
      violations({ 'db/a.ts': `import { b } from './b.ts';`, 'db/b.ts': `\nexport { a } from './a.ts';` }),
    ).toEqual(['src/db/b.ts:2: imports form a ring: src/db/a.ts -> src/db/b.ts -> src/db/a.ts']);
  });

  it('catches a longer ring, also one that only types and a late import close', () => {
    expect(
      violations({
        'db/a.ts': `import type { B } from './b.ts';`,
        'db/b.ts': `export const c = () => import('./c.ts');`,
        'db/c.ts': `import { type A } from './a.ts';\nimport { d } from './d.ts';`,
        'db/d.ts': '',
      }),
    ).toEqual(['src/db/c.ts:1: imports form a ring: src/db/a.ts -> src/db/b.ts -> src/db/c.ts -> src/db/a.ts']);
  });

  it('catches two rings that share a file, and a file that imports itself', () => {
    expect(
      violations({
        'db/a.ts': `import './b.ts';\nimport './c.ts';`,
        'db/b.ts': `import './a.ts';`,
        'db/c.ts': `import './a.ts';`,
        'db/self.ts': `import './self.ts';`,
      }),
    ).toEqual([
      'src/db/b.ts:1: imports form a ring: src/db/a.ts -> src/db/b.ts -> src/db/a.ts',
      'src/db/c.ts:1: imports form a ring: src/db/a.ts -> src/db/c.ts -> src/db/a.ts',
      'src/db/self.ts:1: imports form a ring: src/db/self.ts -> src/db/self.ts',
    ]);
  });

  it('accepts files that share what they import', () => {
    expect(
      violations({
        'db/a.ts': `import './b.ts';\nimport './c.ts';`,
        'db/b.ts': `import './d.ts';`,
        'db/c.ts': `import './d.ts';`,
        'db/d.ts': '',
      }),
    ).toEqual([]);
  });

  it('catches a package in a room that must not import it', () => {
    expect(violations({ 'engine/a.ts': `import pg from 'pg';` })).toEqual([
      'src/engine/a.ts:1: only db, embedded may import pg',
    ]);
  });

  it('catches SQL outside the database room', () => {
    expect(violations({ 'worker/a.ts': 'const q = `SELECT task_id FROM tasks`;' })).toEqual([
      'src/worker/a.ts:1: SQL belongs in src/db and migrations',
    ]);
  });

  it('catches process.exit outside the command line', () => {
    expect(violations({ 'worker/a.ts': 'process.exit(1);' })).toEqual([
      'src/worker/a.ts:1: only src/cli may call process.exit',
    ]);
  });

  it('catches a room that has no place', () => {
    expect(violations({ 'util/a.ts': '' })[0]).toContain('room "util" is not in the order of rooms');
  });
});

describe('the check of the dashboard', () => {
  const found = (text: string): string[] => {
    const folder = mkdtempSync(join(tmpdir(), 'dashboard-'));
    folders.push(folder);
    mkdirSync(join(folder, 'pages'));
    writeFileSync(join(folder, 'pages/page.tsx'), text);
    return checkDashboard(folder).map(({ rule }) => rule);
  };

  it('passes on this repository', () => {
    expect(checkDashboard(fileURLToPath(new URL('../../dashboard', import.meta.url)))).toEqual([]);
  });

  it.each([
    [`import { x } from '../../src/errors.ts';`, 1],
    [`import { x } from '../../src/http/types.ts';`, 1],
    [`import type { X } from '../../src/http/types.ts';`, 0],
    [`import { x } from '../ui/x.tsx';`, 0],
    [`import { useState } from 'preact/hooks';`, 0],
    [`import React from 'react';`, 1],
    [`const x = <p dangerouslySetInnerHTML={{ __html: text }} />;`, 1],
    [`element.innerHTML = text;`, 1],
  ])('%s', (text, rules) => {
    expect(found(text)).toHaveLength(rules);
  });
});
