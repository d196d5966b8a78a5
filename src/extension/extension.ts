import * as vscode from 'vscode';
import { type CommandParts, registerCommands } from './commands/registerCommands.ts';
import { ControlService } from './control/controlService.ts';
import { Prompts } from './control/prompts.ts';
import { commandIds } from './ids.ts';
import type { Launcher } from './launch/launcher.ts';
import { NodeSettingsFiles } from './nodes/nodeSettingsFiles.ts';
import { RunOutput } from './output/runOutput.ts';
import { CurvesPanels } from './panels/curvesPanels.ts';
import { RunsTree } from './runs/runsTree.ts';
import { EndNotices } from './views/endNotices.ts';
import { NodesTree } from './views/nodesTree.ts';
import { StatusBar } from './views/statusBar.ts';
import { RunFileEditor } from './yaml/runFileEditor.ts';

/** Registers everything and returns; control is connected afterwards. */
export function activate(extension: vscode.ExtensionContext): void {
  const started = performance.now();
  const log = vscode.window.createOutputChannel('Biphase', { log: true });
  const service = new ControlService(extension, log);
  const page = { extensionUri: extension.extensionUri, log };
  const curves = new CurvesPanels(
    service,
    {
      pickRuns: async (shown) =>
        (await import('./commands/picks.ts')).pickRuns(service, shown, 'Which runs to show?'),
      launch: () => void vscode.commands.executeCommand(commandIds.launchRun),
      exportCsv: async (run) => (await import('./commands/exportCsv.ts')).exportCsv(service, run),
    },
    page,
  );
  const tree = new RunsTree(service, extension.workspaceState, log);
  let launcher: Promise<Launcher> | undefined;
  const parts: CommandParts = {
    service,
    curves,
    output: new RunOutput(service),
    tree,
    launcher: () => {
      launcher ??= import('./launch/launcher.ts').then(
        (module) => new module.Launcher({ service, curves, log, extension }),
      );
      return launcher;
    },
    log,
    extension,
  };
  extension.subscriptions.push(
    log,
    service,
    curves,
    parts.output,
    new Prompts(service, extension.secrets),
    new NodesTree(service),
    tree,
    new NodeSettingsFiles(service),
    new StatusBar(service),
    new EndNotices(service),
    new RunFileEditor(),
    registerCommands(parts),
  );
  setImmediate(() => {
    service.ready().catch((error) => log.error(String(error)));
  });
  log.info(`activated in ${(performance.now() - started).toFixed(1)} ms`);
}
