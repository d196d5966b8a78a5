import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { seriousFindings } from './axe.ts';
import { FakeHost } from './fakeRuns.ts';
import { launchCheck as check } from './launchCheck.ts';
import { PageHost, screenshots } from './pageHost.ts';
import { themeNames } from './themes.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

test('the check page fills in, and Enter starts', async () => {
  for (const theme of themeNames) {
    const { page, problems } = await host.open('check', theme, 900, 760);
    const fake = new FakeHost(page);
    await fake.send({ type: 'check', check, yaml: 'model: 610m\n', starting: false });
    await page.getByText('Asking the node').waitFor();
    await fake.send({
      type: 'check',
      yaml: 'model: 610m\n',
      starting: false,
      check: { ...check, memoryFreeBytes: 140e9, diskFreeBytes: 2e12, fits: true, secondsExpected: 91000 },
    });
    await page.getByText('It fits').waitFor();
    await page.getByText('Learning rate 5e-4: warm-up 2,000').waitFor();
    await page.getByText('2 differences to 610m-clm-21k-mlm40-42k').waitFor();
    await page.screenshot({ path: path.join(screenshots, `check-${theme}.png`) });
    assert.deepEqual(await seriousFindings(page), [], theme);
    await page.keyboard.press('Enter');
    assert.deepEqual(
      (await fake.posted()).map((m) => m.type),
      ['ready', 'start'],
    );
    await page.keyboard.press('Escape');
    assert.equal(((await fake.posted()).at(-1) as { type: string }).type, 'cancel');
    assert.deepEqual(problems, []);
    await page.close();
  }
});

test('a run that does not fit says what to do, in one unit, and cannot be started', async () => {
  for (const theme of themeNames) {
    const { page, problems } = await host.open('check', theme, 900, 760);
    const fake = new FakeHost(page);
    await fake.send({
      type: 'check',
      yaml: 'model: 610m\n',
      starting: false,
      check: {
        ...check,
        ...{ plannedBytes: 12.7 * 2 ** 30, memoryFreeBytes: 2 ** 29, diskFreeBytes: 2e12, fits: false },
        sentences: ['This needs 12.7 GiB of memory, but the machine has 8 GiB.', 'Choose a smaller model.'],
        differences: [],
      },
    });
    await page.getByText('It does not fit').waitFor();
    await page.getByText('Memory: 12.7 GiB planned, 0.5 GiB free').waitFor();
    await page.getByText('Choose a smaller model.').waitFor();
    await page.screenshot({ path: path.join(screenshots, `check-misfit-${theme}.png`) });
    await page.keyboard.press('Enter');
    assert.deepEqual(
      (await fake.posted()).map((m) => m.type),
      ['ready'],
    );
    assert.deepEqual(problems, []);
    await page.close();
  }
});

test('what a run file and a node say stays text: names, data, sentences, differences and setup lines', async () => {
  const { page, problems } = await host.open('check', 'dark', 900, 760);
  const fake = new FakeHost(page);
  const hostile = (what: string): string => `<img src=x onerror=alert(1)>${what}</main><b>`;
  await fake.send({
    type: 'check',
    yaml: 'model: 610m\n',
    starting: false,
    check: {
      ...check,
      ...{ name: hostile('name'), node: hostile('node'), data: hostile('data'), lastRun: hostile('last') },
      ...{
        setup: [hostile('setup')],
        sentences: [hostile('sentence')],
        differences: [hostile('difference')],
      },
      ...{ memoryFreeBytes: 140e9, diskFreeBytes: 2e12, fits: false },
    },
  });
  for (const what of ['name', 'node', 'data', 'setup', 'sentence', 'difference'])
    await page.getByText(hostile(what)).first().waitFor();
  assert.equal(await page.locator('img, main b').count(), 0);
  assert.deepEqual(await seriousFindings(page), []);
  assert.deepEqual(problems, []);
  await page.close();
});
