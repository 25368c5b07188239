/**
 * The console in a real browser, on the whole stack: an operator's day from the login to the
 * trash. Each page is looked at by axe and photographed at two widths.
 */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { loadAssets } from '#libs/console/assets.ts';
import { openRawPithos, type PacedContainer } from '#test/e2e/raw-container.ts';
import { account, startConsole } from '#test/support/console.ts';
import { secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { testDatabase, testRedisUrl } from '#test/support/services.ts';
import { temporaryDirectory } from '#test/support/temporary-directory.ts';
import { openChromium, watchedPage } from './chromium.ts';

const PICTURES = resolve(import.meta.dirname, '../../.tmp/browser');
const SCREENS = { wide: { width: 1100, height: 560 }, phone: { width: 390, height: 780 } } as const;
const PASSWORD = 'correct horse battery';
const SCRIPT_BUDGET = 300_000;
const FILES = 120;
/** What a script in a name or a file would do, were it ever run. */
const HOSTILE = '<img src=x onerror="document.title=\'owned\'">';
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const undoing = new LastFirst();
const faults: string[] = [];
let missing: string | null = null;
let browser: Browser;
let page: Page;
let phone: Page;
let url = '';
let fleet: TestFleet;
let upstream: PacedContainer;
let folder = '';
let accounts = '';

before(async () => {
  const opened = await openChromium();
  if (typeof opened === 'string') {
    missing = opened;
    console.log(`Tests in a browser are LEFT OUT: ${opened}`);
    return;
  }
  browser = opened;
  undoing.after(() => browser.close());
  await rm(PICTURES, { recursive: true, force: true });
  await mkdir(PICTURES, { recursive: true });
  const databaseUrl = await testDatabase(undoing);
  const redisUrl = await testRedisUrl();
  const dir = await temporaryDirectory(undoing, 'holdfast-browser-');
  upstream = await openRawPithos(undoing, 0);
  folder = join(dir, 'folder');
  await mkdir(folder);
  const queuePrefix = `browser-${process.pid}`;
  fleet = await startFleet(undoing, {
    databaseUrl,
    redisUrl,
    env: {
      HOLDFAST_QUEUE_PREFIX: queuePrefix,
      HOLDFAST_POLL_INTERVAL_MS: '1000',
      HOLDFAST_POLL_MAX_INTERVAL_MS: '2000',
    },
  });
  const { kind, url: storeUrl, secret } = upstream.endpoint;
  const file = await secretFile(fleet, secret);
  await fleet.json('store', 'add', 'cloud', '--kind', kind, '--url', storeUrl, '--secret-file', file);
  accounts = join(dir, 'accounts.json');
  await account(accounts, ['set', 'ada', '--role', 'operator'], PASSWORD);
  ({ url } = await startConsole(undoing, { databaseUrl, redisUrl, queuePrefix, accounts }));
  page = await watchedPage(browser, SCREENS.wide, faults);
  phone = await watchedPage(browser, SCREENS.phone, faults);
});

after(() => undoing.undo());

/** A step of the day; each goes on where the one before ended. */
function step(what: string, work: () => Promise<void>): void {
  it(what, async (t: TestContext) => {
    if (missing !== null) return t.skip(missing);
    try {
      await work();
    } catch (thrown) {
      missing = `"${what}" failed, and this goes on from there`;
      await page.screenshot({ path: join(PICTURES, 'failed.png') });
      throw thrown;
    }
    assert.deepEqual(faults.splice(0), [], 'the page met no fault');
  });
}

async function logIn(on: Page): Promise<void> {
  await on.goto(`${url}/`);
  await on.getByLabel('Name').fill('ada');
  await on.getByLabel('Password').fill(PASSWORD);
  await on.getByRole('button', { name: 'Log in' }).click();
  await on.getByRole('heading', { name: 'Fleet' }).waitFor();
}

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

async function seriousFaults(on: Page): Promise<readonly string[]> {
  // Not as a script of the page, which the page would refuse.
  const found = (await on.evaluate(
    `${axe}; axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations)`,
  )) as Finding[];
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** By axe's own measure, and photographed; the phone shows the same address. */
async function inspect(name: string, path: string): Promise<void> {
  await phone.goto(`${url}${path}`);
  await phone.getByRole('main').waitFor();
  await phone.waitForTimeout(700);
  for (const [width, on] of [
    ['wide', page],
    ['phone', phone],
  ] as const) {
    await on.screenshot({ path: join(PICTURES, `${name}-${width}.png`), fullPage: true });
    const overflow = await on.evaluate('document.documentElement.scrollWidth - innerWidth');
    assert.ok(Number(overflow) <= 0, `${name} is ${overflow} px wider than a ${width} screen`);
    for (const scheme of ['light', 'dark'] as const) {
      await on.emulateMedia({ colorScheme: scheme });
      assert.deepEqual(await seriousFaults(on), [], `${name}, ${width}, ${scheme}`);
    }
    await on.emulateMedia({ colorScheme: 'light' });
  }
}

const tab = (name: string) => page.getByRole('tab', { name }).click();
const badge = (text: string) => page.locator('.tools .badge', { hasText: text }).first().waitFor();

async function eventually(what: string, look: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await look()); tries += 1) {
    assert.ok(tries < 600, `${what}\n${await fleet.logTail()}`);
    await delay(200);
  }
}

const here = async (name: string): Promise<string | null> =>
  readFile(join(folder, name), 'utf8').catch(() => null);
const isUpstream = async (name: string): Promise<boolean> => (await upstream.names()).includes(name);

/** Both sides change while the pair is paused; what comes of it is a conflict. */
async function makeConflict(name: string): Promise<void> {
  await page.getByRole('button', { name: 'Pause' }).click();
  await badge('paused');
  await writeFile(join(folder, name), `mine ${HOSTILE}`);
  await upstream.put(name, Buffer.from('upstream'));
  await page.getByRole('button', { name: 'Resume' }).click();
  await eventually(`${name} becomes a conflict`, async () => (await copiesOf(name)).length === 1);
  await fleet.sync('docs');
}

/** One more, by the command line. */
async function addPair(name: string): Promise<void> {
  const place = join(folder, '..', name);
  await mkdir(place);
  for (let index = 0; index < 10; index += 1) await writeFile(join(place, `${index}.txt`), name.repeat(50));
  await fleet.json('pair', 'add', name, '--folder', place, '--store', 'cloud', '--container', name);
}

async function copiesOf(name: string): Promise<string[]> {
  return (await readdir(folder)).filter((each) => each.startsWith(`${name.replace('.txt', '')}_`));
}

describe("an operator's day in the browser", { timeout: 600_000 }, () => {
  step('the login keeps everybody else out, and lets her in', async () => {
    await page.goto(`${url}/pairs/docs`);
    await page.getByRole('heading', { name: 'Holdfast' }).waitFor();
    await inspect('login', '/login');
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill('a wrong password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').waitFor();
    // The browser tells of the refusal.
    faults.splice(0);
    await logIn(page);
    await logIn(phone);
    await page.getByText('There are no pairs yet.').waitFor();
  });

  step('the first page is small and interactive at once', async () => {
    const { scriptBytes } = loadAssets();
    assert.ok(scriptBytes < SCRIPT_BUDGET, `${scriptBytes} bytes of script`);
    await page.goto(`${url}/`);
    await page.getByRole('main').waitFor();
    const interactive = await page.evaluate(
      "performance.getEntriesByName('holdfast-interactive')[0].startTime",
    );
    console.log(
      `first page: ${scriptBytes} bytes of compressed script, interactive after ${Math.round(Number(interactive))} ms`,
    );
  });

  step('a pair is added, and watched while it syncs', async () => {
    for (let index = 0; index < FILES; index += 1)
      await writeFile(join(folder, `file-${index}.txt`), `content ${index}`);
    await writeFile(join(folder, `${HOSTILE.replace('/', '')}.txt`), 'hello');
    await page.getByRole('link', { name: 'Add a pair' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('docs');
    await page.getByLabel('Folder, absolute').fill(folder);
    await page.getByLabel('Container').fill(upstream.name);
    await inspect('add', '/add');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('heading', { name: 'docs' }).waitFor();
    await badge('in sync');
    await page.getByText(`${FILES + 1}, 0`).waitFor();
    assert.equal((await upstream.names()).length, FILES + 1);
    // Without loading anything anew: a file that comes later is seen, too.
    await writeFile(join(folder, 'later.txt'), 'later');
    await page.getByText(`${FILES + 2}, 0`).waitFor();
    await inspect('pair', '/pairs/docs');
  });

  step('the fleet shows it live, and finds it by name and state', async () => {
    await page.goto(`${url}/`);
    await page.getByRole('link', { name: 'docs' }).waitFor();
    await page.getByLabel('Search').fill('nothing like it');
    await page.getByText('No pair is like that.').waitFor();
    await page.getByLabel('Search').fill('OC');
    await page.getByRole('cell', { name: 'in sync' }).waitFor();
    await fleet.json('pair', 'pause', 'docs');
    await page.getByRole('cell', { name: 'paused' }).waitFor();
    await fleet.json('pair', 'resume', 'docs');
    await page.getByRole('cell', { name: 'in sync' }).waitFor();
    for (const name of ['letters', 'photos']) await addPair(name);
    await page.getByLabel('Search').fill('');
    for (const name of ['letters', 'photos'])
      await page.getByRole('row').filter({ hasText: name }).getByText('in sync').waitFor();
    await inspect('fleet', '/');
    await page.getByRole('link', { name: 'docs' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Now' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.getByText('There is no problem.').waitFor();
  });

  for (const [answer, name] of [
    ['Keep upstream', 'one.txt'],
    ['Keep mine', 'two.txt'],
    ['Keep both', 'three.txt'],
  ] as const) {
    step(`a conflict is seen side by side and answered: ${answer.toLowerCase()}`, async () => {
      await page.goto(`${url}/pairs/docs`);
      await badge('in sync');
      await makeConflict(name);
      await tab('Conflicts');
      const conflict = page.getByRole('article').filter({ hasText: name }).first();
      await conflict.getByRole('button', { name: 'Show contents' }).click();
      await conflict.locator('pre', { hasText: 'mine <img' }).waitFor();
      await conflict.locator('pre', { hasText: /^upstream$/ }).waitFor();
      if (answer === 'Keep upstream') await inspect('conflicts', '/pairs/docs#conflicts');
      const [copy = ''] = await copiesOf(name);
      await conflict.getByRole('button', { name: answer }).click();
      await conflict.getByText(`answered with ${answer.toLowerCase()} by ada`).waitFor();
      assert.equal(await here(name), answer === 'Keep mine' ? `mine ${HOSTILE}` : 'upstream');
      const isKept = answer === 'Keep both';
      assert.equal((await copiesOf(name)).length, isKept ? 1 : 0);
      await eventually(
        `the answer about ${name} goes upstream`,
        async () => (await isUpstream(copy)) === isKept,
      );
      await fleet.sync('docs');
    });
  }

  step('a mass delete is held, and approved', async () => {
    await page.goto(`${url}/pairs/docs#deletes`);
    for (let index = 0; index < FILES; index += 1) await rm(join(folder, `file-${index}.txt`));
    await badge('deletes held');
    await page.getByRole('button', { name: 'Approve all' }).waitFor();
    assert.ok(await isUpstream('file-1.txt'), 'nothing is deleted before the answer');
    await inspect('deletes', '/pairs/docs#deletes');
    await page.getByRole('button', { name: 'Approve all' }).click();
    await page.getByRole('button', { name: 'Yes, approve all' }).click();
    await page.getByText('No delete waits for an operator.').waitFor();
    await eventually('the deletes go upstream', async () => !(await isUpstream('file-1.txt')));
    await badge('in sync');
  });

  step('what was displaced comes back from the trash', async () => {
    await upstream.put('later.txt', Buffer.from('overwritten upstream'));
    await eventually(
      'the new content comes',
      async () => (await here('later.txt')) === 'overwritten upstream',
    );
    await fleet.sync('docs');
    await page.goto(`${url}/pairs/docs#trash`);
    await page.getByRole('button', { name: 'Restore beside later.txt' }).click();
    await page.getByText('"later_restored.txt" is back.').waitFor();
    assert.equal(await here('later_restored.txt'), 'later');
    await inspect('trash', '/pairs/docs#trash');
  });

  step('history says who did what and why, and a plan does nothing', async () => {
    await tab('History');
    await page.getByLabel('Only this path').fill('two.txt');
    await page.keyboard.press('Tab');
    await page.getByText('was answered with keep-mine, by ada').first().waitFor();
    await page.getByRole('button', { name: 'Why is two.txt as it is?' }).first().click();
    await page.getByRole('heading', { name: 'Why two.txt is as it is' }).waitFor();
    await inspect('history', '/pairs/docs#history');
    await fleet.sync('docs');
    await tab('Plan');
    await page.getByText('A sync would do nothing.').waitFor();
    await tab('Settings');
    await page.getByLabel('Days kept').fill('14');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    await inspect('settings', '/pairs/docs#settings');
  });

  step('workers are seen, and one is drained', async () => {
    await page.goto(`${url}/workers`);
    const transfer = page.getByRole('row').filter({ hasText: 'transfer' });
    await transfer.getByText('working').waitFor();
    await inspect('workers', '/workers');
    await transfer.getByRole('button', { name: 'Drain' }).click();
    await transfer.getByRole('button', { name: 'Yes, drain' }).click();
    await transfer.waitFor({ state: 'detached' });
  });

  step('problems and actions have their pages', async () => {
    await page.goto(`${url}/problems`);
    await page.getByText('There is no problem.').waitFor();
    await inspect('problems', '/problems');
    await page.goto(`${url}/actions`);
    await page.getByRole('cell', { name: 'approved the held deletes' }).waitFor();
    await inspect('actions', '/actions');
  });

  step('Bull Board shows the queues without what is in them', async () => {
    for (const [width, on] of [
      ['wide', page],
      ['phone', phone],
    ] as const) {
      await on.goto(`${url}/queues/`);
      await on.getByText('Loading...').waitFor({ state: 'detached' });
      await on.getByText('transfer', { exact: false }).first().waitFor();
      assert.doesNotMatch(await on.content(), /later\.txt/);
      await on.screenshot({ path: join(PICTURES, `queues-${width}.png`) });
    }
    // Told only: that page is Bull Board's.
    const theirs = (await seriousFaults(page)).map((fault) => fault.slice(0, fault.indexOf(':')));
    console.log(`axe on Bull Board: ${theirs.join(', ') || 'nothing serious'}`);
    // Bull Board asks other sites for its pictures and fonts; the console keeps it from that.
    faults.splice(0);
  });

  step('a page whose line was refused finds its console again, and a removed account is out', async () => {
    await page.route('**/api/v1/live*', (route) => route.fulfill({ status: 503 }), { times: 2 });
    await page.goto(`${url}/pairs/docs`);
    await page.getByText('reconnecting…').waitFor();
    await badge('in sync');
    await phone.goto(`${url}/`);
    await phone.getByRole('link', { name: 'docs' }).waitFor();
    await account(accounts, ['remove', 'ada']);
    await phone.getByLabel('Password').waitFor();
    await account(accounts, ['set', 'ada', '--role', 'operator'], PASSWORD);
    // The browser tells of each refusal.
    faults.splice(0);
  });

  step('a pair that is removed while its page is open is told so', async () => {
    await page.goto(`${url}/pairs/docs`);
    await badge('in sync').catch(() => undefined);
    await fleet.json('pair', 'remove', 'docs');
    await page.getByText('There is no pair "docs" any more.').waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Password').waitFor();
    faults.splice(0);
  });
});
