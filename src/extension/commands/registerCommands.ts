import os from 'node:os';
import * as vscode from 'vscode';
import type { ControlService } from '../control/controlService.ts';
import { type CommandName, commandIds, commandsThatNeedTrust } from '../ids.ts';
import type { Launcher } from '../launch/launcher.ts';
import { requireTrust, showError } from '../messages.ts';
import type { RunOutput } from '../output/runOutput.ts';
import type { ComparePanels } from '../panels/comparePanels.ts';
import type { CurvesPanels } from '../panels/curvesPanels.ts';
import type { RunsTree } from '../runs/runsTree.ts';
import type { RunChoice } from './picks.ts';

export interface CommandParts {
  service: ControlService;
  curves: CurvesPanels;
  compare: ComparePanels;
  output: RunOutput;
  tree: RunsTree;
  launcher: () => Promise<Launcher>;
  log: vscode.LogOutputChannel;
  extension: vscode.ExtensionContext;
}

/** What each command does; the code behind a command is loaded when it is first used. */
function handlers(
  parts: CommandParts,
): Record<CommandName, (clicked: unknown, choice: RunChoice) => unknown> {
  const { service, curves, compare, output, launcher, log, tree } = parts;
  return {
    launchRun: async () => (await launcher()).launchRun(),
    launchFromFile: async (clicked) => (await launcher()).launchFromFile(clicked),
    stopRun: async (clicked) => (await import('./runCommands.ts')).stopRun(service, clicked),
    resumeRun: async (clicked) => {
      const run = await (await import('./runCommands.ts')).resumeRun(service, clicked);
      if (run) await curves.show([run]);
    },
    downloadCheckpoint: async (clicked) =>
      (await import('./downloadCheckpoint.ts')).downloadCheckpoint(service, clicked),
    showCurves: (_, { runs }) => curves.show([...runs]),
    openCurvesInNewPanel: (_, { runs }) => curves.showInNewPanel([...runs]),
    compareRuns: async (_, { runs }) =>
      (await import('./compareCommands.ts')).compareRuns(service, compare, runs, tree.selectedRuns),
    pinBaseline: async (clicked) =>
      (await import('./compareCommands.ts')).pinBaseline(service, compare, clicked),
    unpinBaseline: () => service.call('pinBaseline', { run: null }),
    showRunOutput: async (clicked) => {
      const { pickRun } = await import('./picks.ts');
      const run = await pickRun(service, clicked, {
        title: 'Show the output of which run?',
        fits: () => true,
        none: 'There is no run yet.',
      });
      if (run) await output.show(run.run, run.name);
    },
    newRunFile: async () => {
      const { openNewRunFile } = await import('../launch/newRunFile.ts');
      const { newRunFileText } = await import('../launch/launchChoices.ts');
      await openNewRunFile(newRunFileText, 'new');
    },
    addNode: async () => (await import('./nodeCommands.ts')).addNode(parts),
    editNode: async (clicked) => (await import('./nodeCommands.ts')).editNode(service, clicked),
    testNode: async (clicked) => (await import('./nodeCommands.ts')).testNode(parts, clicked),
    reconnectNode: async (clicked) => (await import('./nodeCommands.ts')).reconnectNode(parts, clicked),
    pauseQueue: async (clicked) => (await import('./queueCommands.ts')).holdQueue(service, clicked, 'paused'),
    drainNode: async (clicked) =>
      (await import('./queueCommands.ts')).holdQueue(service, clicked, 'draining'),
    releaseQueue: async (clicked) => (await import('./queueCommands.ts')).holdQueue(service, clicked, null),
    setPriority: async (clicked) => (await import('./queueCommands.ts')).setPriority(service, clicked),
    removeNode: async (clicked) => (await import('./removeNode.ts')).removeNode(service, clicked),
    freeSpace: async (clicked) => (await import('../space/freeSpace.ts')).freeSpace(parts, clicked),
    exportRun: async (_, choice) => (await import('./exportRun.ts')).exportRun(service, choice),
    importRuns: async () =>
      (await import('./importRuns.ts')).importRuns(service, (runs) => curves.show(runs)),
    labelRun: async (_, choice) => (await import('./noteCommands.ts')).labelRun(service, choice),
    tagRuns: async (_, choice) => (await import('./noteCommands.ts')).tagRuns(service, choice),
    groupRuns: async (_, choice) => (await import('./noteCommands.ts')).groupRuns(service, choice),
    archiveRuns: async (_, choice) => (await import('./noteCommands.ts')).archiveRuns(service, choice, true),
    unarchiveRuns: async (_, choice) =>
      (await import('./noteCommands.ts')).archiveRuns(service, choice, false),
    deleteRuns: async (_, choice) => (await import('./deleteRuns.ts')).deleteRuns(parts, choice),
    filterRuns: async () => (await import('./viewCommands.ts')).filterRuns(tree),
    clearRunFilter: () => tree.setView({ ...tree.view, filter: '' }),
    groupRunsBy: async () => (await import('./viewCommands.ts')).groupRunsBy(tree),
    sortRunsBy: async () => (await import('./viewCommands.ts')).sortRunsBy(tree),
    showArchivedRuns: () => tree.setView({ ...tree.view, archived: true }),
    hideArchivedRuns: () => tree.setView({ ...tree.view, archived: false }),
    refresh: () => service.reload(),
    showLog: () => log.show(true),
    copyDiagnostics: () => copyDiagnostics(parts),
  };
}

/** Registers every command: trust is checked first, questions come to this window, errors are shown once. */
export function registerCommands(parts: CommandParts): vscode.Disposable {
  const table = handlers(parts);
  const registered = (Object.keys(commandIds) as CommandName[]).map((name) =>
    vscode.commands.registerCommand(commandIds[name], async (clicked: unknown, selected: unknown) => {
      try {
        if (commandsThatNeedTrust.includes(name)) {
          requireTrust();
          void parts.service.takeFocus();
        }
        await table[name](clicked, { clicked, runs: parts.tree.chosenRuns(clicked, selected) });
      } catch (error) {
        showError(error, parts.log);
      }
    }),
  );
  return vscode.Disposable.from(...registered);
}

async function copyDiagnostics({ service, extension, log }: CommandParts): Promise<void> {
  const { diagnosticsText } = await import('./diagnosticsText.ts');
  await service.ready().catch((error) => log.warn(String(error)));
  const text = diagnosticsText({
    versions: {
      biphase: String(extension.extension.packageJSON.version),
      vscode: vscode.version,
      node: process.version,
      platform: `${process.platform} ${process.arch} ${os.release()}`,
      ui: vscode.env.uiKind === vscode.UIKind.Web ? 'web' : 'desktop',
      remote: vscode.env.remoteName ?? 'none',
      trusted: String(vscode.workspace.isTrusted),
    },
    nodes: service.nodes,
    runs: [...service.runs.values()],
    secretWords: [os.homedir(), os.userInfo().username, os.hostname()],
  });
  await vscode.env.clipboard.writeText(text);
  void vscode.window.showInformationMessage(
    'Diagnostics are on the clipboard, without hosts, users and run names.',
  );
}
