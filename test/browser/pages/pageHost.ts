import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { pageHtml } from '../../../src/extension/panels/pageHtml.ts';
import { type ThemeName, themes } from './themes.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const { chromium } = createRequire(path.join(root, 'test/workbench/package.json'))('playwright-core');
export const screenshots = path.join(root, 'test-results/screenshots');

/** Serves freshly built pages in the extension's own HTML, so under its policy, and opens them in headless Chromium with a fake host. */
export class PageHost {
  private readonly server: http.Server;
  readonly browser: Browser;
  private readonly folder: string;

  private constructor(server: http.Server, browser: Browser, folder: string) {
    this.server = server;
    this.browser = browser;
    this.folder = folder;
  }

  static async start(): Promise<PageHost> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-pages-'));
    await build({
      absWorkingDir: root,
      entryPoints: {
        curves: 'webview/curves/main.ts',
        check: 'webview/check/main.ts',
        compare: 'webview/compare/main.ts',
      },
      outdir: folder,
      bundle: true,
      minify: true,
      keepNames: true,
      format: 'esm',
      target: 'chrome138',
      logLevel: 'warning',
    });
    const server = http.createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://localhost');
      const name = url.pathname.slice(1);
      if (name.endsWith('.html')) {
        response.setHeader('content-type', 'text/html');
        response.end(themedHtml(name.slice(0, -5), (url.searchParams.get('theme') ?? 'dark') as ThemeName));
        return;
      }
      if (name === 'favicon.ico') {
        response.writeHead(204).end();
        return;
      }
      const file = path.join(folder, path.basename(name));
      if (!fs.existsSync(file)) {
        response.writeHead(404).end();
        return;
      }
      response.setHeader('content-type', name.endsWith('.css') ? 'text/css' : 'text/javascript');
      response.end(fs.readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
    });
    fs.mkdirSync(screenshots, { recursive: true });
    return new PageHost(server, browser, folder);
  }

  /** Opens a page; its messages are collected, errors and policy violations too. */
  async open(
    name: 'curves' | 'check' | 'compare',
    theme: ThemeName,
    width = 760,
    height = 760,
  ): Promise<OpenPage> {
    const page = await this.browser.newPage({ viewport: { width, height } });
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await page.addInitScript(
      (colours: Record<string, string>) => {
        const posted: unknown[] = [];
        let state: unknown;
        Object.assign(globalThis, {
          posted,
          drawn: [],
          acquireVsCodeApi: () => ({
            postMessage: (m: unknown) => posted.push(structuredClone(m)),
            getState: () => state,
            setState: (s: unknown) => {
              state = s;
            },
          }),
        });
        document.addEventListener('biphase-drawn', (e) =>
          (globalThis as unknown as { drawn: unknown[] }).drawn.push((e as CustomEvent).detail),
        );
        const paint = () => {
          for (const [key, value] of Object.entries(colours))
            document.documentElement.style.setProperty(`--vscode-${key}`, value);
        };
        new MutationObserver((_, observer) => {
          if (!document.documentElement) return;
          observer.disconnect();
          paint();
        }).observe(document, { childList: true });
      },
      themes[theme].colours as unknown as Record<string, string>,
    );
    const { port } = this.server.address() as { port: number };
    await page.goto(`http://127.0.0.1:${port}/${name}.html?theme=${theme}`);
    return { page, problems };
  }

  async stop(): Promise<void> {
    await this.browser.close();
    this.server.close();
    this.server.closeAllConnections();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface OpenPage {
  page: Page;
  problems: string[];
}

/** The extension's HTML of a page, on a body as the workbench dresses it in a theme. */
function themedHtml(page: string, theme: ThemeName): string {
  const html = pageHtml({
    title: page,
    script: `/${page}.js`,
    style: `/${page}.css`,
    cspSource: "'self'",
    nonce: 'test',
  });
  return html.replace('<body>', `<body class="${themes[theme].class}">`);
}
