import fs from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}
interface AxeWindow {
  axe: { run(where: object, options: object): Promise<{ violations: Violation[] }> };
}

const source = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Which part of the page is looked at, and which rules are left out. */
export interface AxeOptions {
  include?: readonly string[];
  without?: readonly string[];
}

/** What axe finds serious or critical, a line each: rule, element and what to do. */
export async function seriousFindings(page: Page, options: AxeOptions = {}): Promise<string[]> {
  const { include = ['html'], without = [] } = options;
  // By the debugging protocol: the page's own policy lets no other script in.
  await page.evaluate(source);
  const found = await page.evaluate(
    async ([places, rules]) => {
      const { axe } = globalThis as unknown as AxeWindow;
      const off = Object.fromEntries(rules.map((rule) => [rule, { enabled: false }]));
      return (await axe.run({ include: [...places] }, { rules: off })).violations;
    },
    [include, without] as const,
  );
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
}
