/** Chromium: Debian's own, driven as a person would; installed where that is ours to do, else its absence is said. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { installDebianPackages } from '#libs/services/debian.ts';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** @returns a browser, or why there is none. */
export async function openChromium(): Promise<Browser | string> {
  const find = () => PLACES.find((place) => existsSync(place));
  const reason = find() === undefined ? await installDebianPackages(['chromium']) : null;
  const executablePath = find();
  if (executablePath === undefined) return `there is no Chromium: ${reason ?? 'its package has none'}`;
  // Root may not be sandboxed; what is opened here is our own page only.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A page that fails the test when anything of it does: scripts, blocked content, missing files. */
export async function watchedPage(
  browser: Browser,
  viewport: { readonly width: number; readonly height: number },
  faults: string[],
): Promise<Page> {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`${message.text()} (${message.location().url})`);
  });
  return page;
}
