import path from 'node:path';
import * as vscode from 'vscode';
import { BiphaseError } from '../../core/errors.ts';
import { withAbsolutePaths } from '../../core/localPaths.ts';
import { newRunId } from '../../core/newRunId.ts';
import { pickNode } from '../commands/picks.ts';
import type { ControlService } from '../control/controlService.ts';
import { withTransferProgress } from '../control/transferProgress.ts';
import { languageId, runFilePattern, settingIds } from '../ids.ts';
import { requireTrust } from '../messages.ts';
import { CheckPanel } from '../panels/checkPanel.ts';
import type { CurvesPanels } from '../panels/curvesPanels.ts';
import { yamlBundle } from '../yaml/yamlBundle.ts';
import type { LaunchRequest } from './launchRequest.ts';
import { LaunchWizard } from './launchWizard.ts';
import { openNewRunFile } from './newRunFile.ts';

interface LauncherParts {
  service: ControlService;
  curves: CurvesPanels;
  log: vscode.LogOutputChannel;
  extension: vscode.ExtensionContext;
}

/** From a wish to a running run: wizard or file, check, start, curves. */
export class Launcher {
  readonly #parts: LauncherParts;

  constructor(parts: LauncherParts) {
    this.#parts = parts;
  }

  /** *Launch Run…*: the wizard, then the check page. */
  async launchRun(): Promise<void> {
    const { service, extension } = this.#parts;
    const wizard = new LaunchWizard(service, extension.globalState, (yaml) => {
      const { file, fault } = yamlBundle().readRunFileText(yaml);
      if (fault) throw new BiphaseError('usage', fault.message);
      return file;
    });
    const answer = await wizard.run();
    switch (answer?.kind) {
      case 'launch':
        this.#openCheck(answer.request);
        return;
      case 'edit':
        await openNewRunFile(answer.yaml, 'custom');
        return;
      case 'file': {
        const request = await this.#requestFromFile(await this.#pickFile());
        if (request) this.#openCheck(request);
      }
    }
  }

  /**
   * *Launch from File*: the given file, else the run file in the editor, else a pick. Starts at once when the check
   * says that it fits or cannot say; otherwise the check page opens with the reason.
   */
  async launchFromFile(clicked: unknown): Promise<void> {
    const active = vscode.window.activeTextEditor?.document;
    const uri =
      clicked instanceof vscode.Uri
        ? clicked
        : active?.languageId === languageId
          ? active.uri
          : await this.#pickFile();
    const request = await this.#requestFromFile(uri);
    if (!request) return;
    const { file, node } = request;
    const check = await this.#parts.service.call('checkLaunch', { file, node });
    if (check.fits === false) this.#openCheck(request);
    else await this.#start(request);
  }

  async #requestFromFile(uri: vscode.Uri | undefined): Promise<LaunchRequest | undefined> {
    if (!uri) return undefined;
    const document = await vscode.workspace.openTextDocument(uri);
    const yaml = document.getText();
    const { file, fault } = yamlBundle().readRunFileText(yaml);
    if (fault) {
      const start = new vscode.Position(fault.line - 1, 0);
      await vscode.window.showTextDocument(document, { selection: new vscode.Range(start, start) });
      const name = path.posix.basename(uri.path);
      throw new BiphaseError('usage', `${name}, line ${fault.line}: ${fault.message}`, {
        next: 'Correct it and launch again.',
      });
    }
    const folder = uri.scheme === 'file' ? path.dirname(uri.fsPath) : undefined;
    const node = await this.#nodeFor(uri);
    return node === undefined ? undefined : { file: withAbsolutePaths(file, folder), yaml, node };
  }

  async #nodeFor(uri: vscode.Uri): Promise<string | undefined> {
    const { service } = this.#parts;
    await service.ready();
    const wanted = vscode.workspace.getConfiguration(undefined, uri).get<string>(settingIds.defaultNode, '');
    if (wanted !== '') {
      if (service.nodes.some((node) => node.config.name === wanted)) return wanted;
      throw new BiphaseError(
        'usage',
        `The setting ${settingIds.defaultNode} names "${wanted}", which is no node.`,
        {
          next: 'Change the setting, or add the node.',
        },
      );
    }
    if (service.nodes.length === 1) return service.nodes[0].config.name;
    return (await pickNode(service, undefined, { title: 'Launch on which node?' }))?.config.name;
  }

  async #pickFile(): Promise<vscode.Uri | undefined> {
    const files = await vscode.workspace.findFiles(runFilePattern, '**/node_modules/**', 500);
    const items = files
      .map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri: uri as vscode.Uri | undefined }))
      .sort((a, b) => a.label.localeCompare(b.label));
    const browse = { label: '$(folder-opened) Browse…', uri: undefined };
    const picked = await vscode.window.showQuickPick([...items, browse], {
      title: 'Which run file?',
      ignoreFocusOut: true,
    });
    if (!picked || picked.uri) return picked?.uri;
    return (
      await vscode.window.showOpenDialog({ title: 'Run file', filters: { 'Run files': ['yaml', 'yml'] } })
    )?.[0];
  }

  #openCheck(request: LaunchRequest): void {
    const { service, extension, log } = this.#parts;
    CheckPanel.open(
      request,
      service,
      {
        start: (wanted) => this.#start(wanted),
        edit: async ({ yaml }) => openNewRunFile(yaml, 'launch'),
      },
      { extensionUri: extension.extensionUri, log },
    );
  }

  async #start({ file, node }: LaunchRequest): Promise<void> {
    requireTrust();
    const { service, curves, log } = this.#parts;
    const run = newRunId();
    await withTransferProgress(service, { title: `Launching on ${node}`, transfer: run }, () =>
      service.call('launch', { file, node, run }),
    );
    log.info(`launched ${run} on ${node}`);
    await curves.show([run]);
  }
}
