import { execFileSync } from 'node:child_process';
import { chromium, type Browser, type Page } from 'playwright-core';

/** Debian's Chromium. Throws if it cannot be installed here: a page that no browser has seen is not tested. */
export function openChromium(): Promise<Browser> {
  execFileSync('bash', ['scripts/install-debian.sh', 'chromium'], { stdio: 'inherit' });
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    // As root in a container there is no sandbox of its own to be had.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}

export interface Watched {
  readonly page: Page;
  /**
   * Errors of the console, exceptions, violations of the policy, requests that failed or left the prefix. But for 503: an API on a machine with too much
   * to do says so, and the page asks again.
   */
  readonly problems: string[];
}

interface Look {
  readonly width?: number;
  readonly dark?: boolean;
  /** Requests stay below this. */
  readonly base: string;
}

/** A page of which everything that should not happen is written down. */
export async function openPage(browser: Browser, { width = 1280, dark = false, base }: Look): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    // A proxy of a test has a certificate that nobody has signed.
    ignoreHTTPSErrors: true,
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('status of 503'))
      problems.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.message}`));
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith('data:')) problems.push(`request outside of ${base}: ${url}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400 && response.status() !== 503) problems.push(`${response.status()} ${response.url()}`);
  });
  await page.exposeFunction('reportProblem', (text: string) => problems.push(text));
  await page.addInitScript(`document.addEventListener('securitypolicyviolation', ({ violatedDirective, sourceFile, sample }) => {
    reportProblem('policy: ' + violatedDirective + ' ' + sourceFile + ' ' + sample);
  });`);
  return { page, problems };
}

/** Until a page shows what it has read. */
export async function untilShown(page: Page): Promise<void> {
  await page.waitForSelector('h1');
  // Not by a function: the policy of the page does not let text become code, not even for the test.
  await page.waitForSelector('.loading, .bone-line', { state: 'detached' });
}
