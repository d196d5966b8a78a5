import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { makePrivateHome, type PrivateHome, removePrivateHome } from './privateHome.ts';
import { openBrowser, openWorkbench } from './workbenchPage.ts';
import {
  installVsix,
  presetSettings,
  WorkbenchServer,
  type WorkbenchServerOptions,
} from './workbenchServer.ts';

const root = path.resolve(import.meta.dirname, '../..');

export interface WorkbenchOptions {
  /** Folder or .code-workspace to open; default: an empty one. */
  folder?: string;
  /** Package to install; default: the checkout's own, built where it is missing. null installs none. */
  vsix?: string | null;
  settings?: Record<string, unknown>;
  /** Workspace trust: with true a folder is untrusted until somebody trusts it. */
  trust?: boolean;
  /** Added to the person's environment. */
  environment?: Record<string, string>;
  person?: PrivateHome;
  /** Pixels of screenshots a CSS pixel; default: 1. */
  pixelRatio?: number;
}

/** A person with VS Code open in a browser, the packaged extension installed, and a HOME of their own. */
export interface Workbench {
  person: PrivateHome;
  folder: string;
  server: WorkbenchServer;
  browser: BrowserContext;
  /** Opens one more window on the same folder. */
  open: () => Promise<Page>;
  /** Kills every extension host with SIGKILL, as a crash would. Returns how many there were. */
  killExtensionHosts: () => number;
  /** Ends the server and starts it again at the same address. Open pages are closed. */
  restart: () => Promise<void>;
  close: () => Promise<void>;
}

/** When a file below the folder was last changed, in ms. */
function newest(folder: string): number {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Math.max(...files.map((entry) => fs.statSync(path.join(entry.parentPath, entry.name)).mtimeMs));
}

/** The checkout's package, built when there is none or when dist/ is newer. */
export function checkoutVsix(): string {
  const { name, version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
  const file = path.join(root, `${name}-${version}.vsix`);
  const fresh = fs.existsSync(file) && fs.statSync(file).mtimeMs >= newest(path.join(root, 'dist'));
  if (!fresh) {
    const packed = spawnSync(process.execPath, [path.join(root, 'scripts/package.mjs')], {
      encoding: 'utf8',
    });
    if (packed.status !== 0) throw new Error(`Packaging failed: ${packed.stdout}${packed.stderr}`);
  }
  return file;
}

/** Starts a server with the package installed and a browser; no window is open yet. */
export async function startWorkbench(options: WorkbenchOptions = {}): Promise<Workbench> {
  const person = options.person ?? makePrivateHome(options.environment);
  const editor = path.join(person.folder, 'editor');
  const folder = options.folder ?? path.join(person.home, 'work');
  fs.mkdirSync(folder, { recursive: true });
  presetSettings(path.join(editor, 'user'), options.settings);
  const serverOptions: WorkbenchServerOptions = {
    folder: editor,
    environment: person.environment,
    trust: options.trust ?? false,
  };
  fs.mkdirSync(path.join(editor, 'extensions'), { recursive: true });
  if (options.vsix !== null) installVsix(options.vsix ?? checkoutVsix(), serverOptions);
  const profile = path.join(person.folder, 'browser');
  const browser = await openBrowser(profile, { ...person.environment }, options.pixelRatio);
  const workbench: Workbench = {
    person,
    folder,
    server: await WorkbenchServer.start(serverOptions),
    browser,
    open: () => openWorkbench(browser, workbench.server.address(folder)),
    killExtensionHosts: () => {
      const hosts = workbench.server.extensionHosts();
      for (const pid of hosts) process.kill(pid, 'SIGKILL');
      return hosts.length;
    },
    restart: async () => {
      await Promise.all(browser.pages().map((page) => page.close()));
      const { port } = workbench.server;
      await workbench.server.stop();
      // The browser keeps its secrets and layout by address, so the port must stay.
      workbench.server = await WorkbenchServer.start({ ...serverOptions, port });
    },
    close: async () => {
      await browser.close();
      await workbench.server.stop();
      await removePrivateHome(person);
    },
  };
  return workbench;
}
