import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { osUser } from '../../../src/cli/os-user.ts';
import { commandsOf, taskerCalls } from '../../documents/blocks/command-lines.ts';

const FILE = 'docs/guides/operating.md';
const PICTURES = 'docs/guides/operating';
/** Outputs and pictures of this run become those of the guide. */
const writes = process.env['TASKER_WRITE_GUIDE'] === '1';

/** A block of the guide after a comment with its name: what a command printed. */
const blockOf = (name: string): RegExp => new RegExp(`(<!-- printed: ${name} -->\n+\`\`\`text\n)([^]*?)(\n\`\`\`)`);

/** Without what differs from run to run: numbers, ids, times, names of processes, and the width of columns. */
const comparable = (text: string): string =>
  text
    .replaceAll(/\b\d+-[\w.-]{4,}/g, 'token')
    .replaceAll(/\b[\w-]+:\d+\b/g, 'process')
    .replaceAll(/\b[0-9a-f]{12}\b/g, 'fingerprint')
    .replaceAll(/\d[\d.,:TZ+-]*(?: ?(?:µs|ms|s|min|h|d)\b)?/g, '#')
    .replaceAll(/# ?#/g, '#')
    .replaceAll(/-{2,}/g, '-')
    // One of something, or several.
    .replaceAll(/s\b/g, '')
    .replaceAll(/[ \t]+/g, ' ')
    .trim();

const linesOf = (text: string, about: RegExp): string[] =>
  text
    .split('\n')
    .filter((line) => about.test(line))
    .map(comparable);

/** The guide shows this output under this name. `about`: of other lines there are more or fewer from run to run. */
export function expectPrinted(name: string, output: string, about = /^/): void {
  const guide = readFileSync(FILE, 'utf8');
  const [, before, shown, after] = blockOf(name).exec(guide) ?? [];
  expect(shown, `${FILE} has no block <!-- printed: ${name} -->`).toBeDefined();
  // Who acts is who runs this.
  const printed = output.trimEnd().replaceAll(/ +$/gm, '').replaceAll(`by ${osUser()}`, 'by ada');
  if (writes) {
    const written = guide.replace(blockOf(name), () => `${before}${printed}${after}`);
    writeFileSync(FILE, renamed(written, shown as string, printed));
  } else expect(linesOf(printed, about), name).toEqual(linesOf(shown as string, about));
}

const scripts = (): string =>
  [...readFileSync(FILE, 'utf8').matchAll(/^```sh\n([^]*?)^```/gm)].map(([, code = '']) => code).join('\n');

/** Causes and previews that were printed under other names are called by the new ones in what is typed as well. */
function renamed(guide: string, before: string, now: string): string {
  const [old, names] = [before, now].map((text) => text.match(/\b\d+-[0-9a-f]{8,}\b|\b[0-9a-f]{12}\b/g) ?? []);
  return old?.length === names?.length
    ? (old ?? []).reduce((text, name, index) => text.replaceAll(name, names?.[index] ?? name), guide)
    : guide;
}

/** The guide has this call of tasker, whatever the numbers are in it. */
export function expectCommand(args: readonly string[]): void {
  const known = taskerCalls(scripts()).map((call) => call.map(comparable));
  expect(known, `${FILE} does not have: tasker ${args.join(' ')}`).toContainEqual(args.map(comparable));
}

/** The guide has this request. */
export function expectRequest(path: string, body: unknown): void {
  const known = commandsOf(scripts()).map((words) => words.map(comparable));
  const request = ['post', `$API${path}`, ...(body === undefined ? [] : ['-d', JSON.stringify(body)])].map(comparable);
  expect(known, `${FILE} does not have: ${request.join(' ')}`).toContainEqual(request);
}

interface Look {
  readonly width?: number;
  readonly height?: number;
  /** This is in it. */
  readonly show?: Locator;
}

/** A picture of the page as it is; nothing if the guide is not written. */
export async function picture(
  page: Page,
  name: string,
  { width = 1200, height = 640, show }: Look = {},
): Promise<void> {
  expect(readFileSync(FILE, 'utf8'), `${FILE} shows no picture ${name}`).toContain(
    `/docs/guides/operating/${name}.png?raw=true)`,
  );
  if (!writes) return;
  mkdirSync(PICTURES, { recursive: true });
  const before = page.viewportSize();
  await page.setViewportSize({ width, height });
  await show?.scrollIntoViewIfNeeded();
  // Graphs are drawn anew.
  await page.waitForTimeout(600);
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
  if (before !== null) await page.setViewportSize(before);
}
