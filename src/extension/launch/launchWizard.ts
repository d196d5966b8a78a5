import * as vscode from 'vscode';
import { parseRunFile } from '../../core/parseRunFile.ts';
import { resolveRunFile } from '../../core/resolveRunFile.ts';
import { modelPresetNames, type ResolvedRunFile } from '../../protocol/runFile.ts';
import type { ControlService } from '../control/controlService.ts';
import { commandIds } from '../ids.ts';
import { plainLabel } from '../plainLabel.ts';
import { nodeDescription } from '../views/nodeText.ts';
import { newestFirst } from '../views/runText.ts';
import { checkpointRows } from './checkpointRows.ts';
import { type DataChoice, dataLabel, dataOf, dataOfRuns, type RunWithData, sourceOn } from './dataChoice.ts';
import { browseFolders } from './folderBrowser.ts';
import { hubSource } from './hubSource.ts';
import {
  type LaunchChoice,
  modelDescription,
  ownShapeText,
  runFileText,
  setups,
  wizardSteps,
} from './launchChoices.ts';
import type { LaunchRequest } from './launchRequest.ts';
import { nodeRows } from './nodeRows.ts';
import { stepPick } from './stepPick.ts';

const title = 'Launch Run';
const recentKey = 'biphase.recentData';
const totalSteps = 4;
/** Runs whose data are offered again: newest first, so many are looked at. */
const runsWithData = 20;

/** A checkpoint that can be trained on. */
interface Continued {
  checkpoint: string;
  node: string;
  model: unknown;
  data: DataChoice | undefined;
  steps: number;
}

/** The answers so far; a later page may send back to an earlier one. */
interface Answers {
  setup?: LaunchChoice['setup'];
  model?: (typeof modelPresetNames)[number];
  continued?: Continued;
  data?: DataChoice;
  node?: string;
}

/** How the wizard ends other than by being closed: with a run, a file to choose, or a text to edit. */
export type WizardAnswer =
  | { kind: 'launch'; request: LaunchRequest }
  | { kind: 'file' }
  | { kind: 'edit'; yaml: string };

type PageAnswer = 'next' | 'back' | WizardAnswer | undefined;

/** The wizard's four picks. */
export class LaunchWizard {
  readonly #service: ControlService;
  readonly #memory: vscode.Memento;
  readonly #read: (yaml: string) => unknown;

  constructor(service: ControlService, memory: vscode.Memento, read: (yaml: string) => unknown) {
    this.#service = service;
    this.#memory = memory;
    this.#read = read;
  }

  /** Undefined: closed. */
  async run(): Promise<WizardAnswer | undefined> {
    const answers: Answers = {};
    let page = 0;
    while (page < totalSteps) {
      const answer = await this.#page(page, answers);
      if (answer === undefined || typeof answer === 'object') return answer;
      page += answer === 'next' ? 1 : -1;
    }
    return { kind: 'launch', request: this.#request(answers) };
  }

  #page(page: number, answers: Answers): Promise<PageAnswer> {
    switch (page) {
      case 0:
        return this.#setup(answers);
      case 1:
        return answers.setup === 'continue' ? this.#checkpoint(answers) : this.#model(answers);
      case 2:
        return this.#data(answers);
      default:
        return this.#node(answers);
    }
  }

  async #setup(answers: Answers): Promise<PageAnswer> {
    const picked = await stepPick({ title, placeholder: 'Setup', step: 1, totalSteps, items: setups });
    if (picked === undefined || picked === 'back') return undefined;
    if (picked.id === 'file') return { kind: 'file' };
    answers.setup = picked.id;
    return 'next';
  }

  async #model(answers: Answers): Promise<PageAnswer> {
    type Item = vscode.QuickPickItem & { name: (typeof modelPresetNames)[number] | 'own' };
    const items: Item[] = [
      ...modelPresetNames.map((name) => ({ label: name, description: modelDescription(name), name })),
      { label: 'Custom…', description: 'a shape of your own, written in a run file', name: 'own' },
    ];
    const picked = await stepPick({ title, placeholder: 'Model', step: 2, totalSteps, items });
    if (picked === undefined || picked === 'back') return picked;
    if (picked.name === 'own') return { kind: 'edit', yaml: ownShapeText(answers.setup ?? 'clm') };
    answers.model = picked.name;
    return 'next';
  }

  async #checkpoint(answers: Answers): Promise<PageAnswer> {
    await this.#service.ready();
    const items = checkpointRows(this.#service.runs.values(), this.#service.nodes).map((row) => ({
      ...row,
      label: plainLabel(row.run.name),
    }));
    const placeholder = items.length > 0 ? 'Checkpoint' : 'No run has a checkpoint yet';
    const picked = await stepPick({ title, placeholder, step: 2, totalSteps, items });
    if (picked === undefined || picked === 'back') return picked;
    const { run, step } = picked;
    const { file } = await this.#service.call('runFile', { run: run.run });
    answers.continued = {
      checkpoint: `${run.run}@${step}`,
      node: run.node,
      model: (file as { model?: unknown }).model ?? 'micro',
      data: dataOf({ file, local: this.#isLocal(run.node) }),
      steps: Math.max(1, Math.round(run.totalSteps / 2)),
    };
    return 'next';
  }

  async #data(answers: Answers): Promise<PageAnswer> {
    await this.#service.ready();
    const same = answers.setup === 'continue' ? answers.continued?.data : undefined;
    const folders = this.#memory.get<string[]>(recentKey, []);
    const again = dataOfRuns(await this.#recentRuns()).filter(
      ({ choice }) => !(choice.kind === 'folder' && folders.includes(choice.path)),
    );
    type Item = vscode.QuickPickItem & { choose: () => Promise<DataChoice | undefined> };
    const offer = (choice: DataChoice, item: vscode.QuickPickItem): Item => ({
      ...item,
      choose: async () => choice,
    });
    const items: Item[] = [
      ...(same === undefined ? [] : [offer(same, { label: 'As before', detail: dataLabel(same) })]),
      offer(
        { kind: 'source', source: 'world' },
        {
          label: 'Built-in world',
          detail: 'English-like text over invented, consistent facts. Nothing to download.',
        },
      ),
      {
        label: 'Folder…',
        detail: 'Text on this computer: .parquet, .jsonl, .txt. It is copied to another node once.',
        choose: () => this.#chooseLocal('folder'),
      },
      {
        label: 'File…',
        detail: 'One file on this computer, with a document a row, a line or as a whole.',
        choose: () => this.#chooseLocal('file'),
      },
      {
        label: 'Browse folders of a node…',
        detail: 'Text that is already there.',
        choose: () => this.#browse(answers),
      },
      {
        label: 'Path on the node…',
        detail: 'Text that is already there, by its path.',
        choose: () => this.#typePath(),
      },
      {
        label: 'Hugging Face dataset…',
        detail: 'Parquet of the hub, read only as far as the run needs it.',
        choose: () => this.#typeDataset(),
      },
      ...again.map(({ choice, run }) =>
        offer(choice, { label: dataLabel(choice), description: `read by ${run}` }),
      ),
      ...folders.map((path) => offer({ kind: 'folder', path }, { label: path, description: 'recent' })),
    ];
    const picked = await stepPick({ title, placeholder: 'Data', step: 3, totalSteps, items });
    if (picked === undefined || picked === 'back') return picked;
    const choice = await picked.choose();
    if (!choice) return this.#data(answers);
    answers.data = choice;
    return 'next';
  }

  async #recentRuns(): Promise<RunWithData[]> {
    // One that never came to train may have named data that do not exist.
    const newest = [...this.#service.runs.values()]
      .filter(({ step }) => step > 0)
      .sort(newestFirst)
      .slice(0, runsWithData);
    const read = newest.map(async ({ run, name, node }) => {
      // A run without a readable file offers nothing.
      const { file } = await this.#service.call('runFile', { run }).catch(() => ({ file: undefined }));
      return { name, local: this.#isLocal(node), file };
    });
    return Promise.all(read);
  }

  async #browse(answers: Answers): Promise<DataChoice | undefined> {
    for (;;) {
      const node = await this.#nodeToBrowse(answers);
      if (node === undefined) return undefined;
      answers.node = node;
      const path = await browseFolders(this.#service, node, { title, step: 3, totalSteps });
      if (path === undefined) return undefined;
      if (path === 'back') continue;
      return this.#isLocal(node) ? { kind: 'folder', path } : { kind: 'source', source: path };
    }
  }

  async #nodeToBrowse(answers: Answers): Promise<string | undefined> {
    const items = this.#service.nodes.map((node) => ({
      label: plainLabel(node.config.name),
      description: nodeDescription(node),
    }));
    const wanted = answers.node ?? answers.continued?.node;
    const active = items.find(({ label }) => label === wanted);
    const placeholder = 'Folders of which node?';
    const picked = await stepPick({ title, placeholder, step: 3, totalSteps, items, active });
    return picked === 'back' ? undefined : picked?.label;
  }

  async #typePath(): Promise<DataChoice | undefined> {
    const source = await vscode.window.showInputBox({
      title,
      prompt: 'A folder or file on the node, as an absolute path.',
      ignoreFocusOut: true,
      validateInput: (text) => (text.startsWith('/') ? undefined : 'The path must begin with /.'),
    });
    // As it stands: a name may end in a space.
    return source === undefined ? undefined : { kind: 'source', source };
  }

  async #typeDataset(): Promise<DataChoice | undefined> {
    const name = await vscode.window.showInputBox({
      title,
      prompt: 'A dataset of the Hugging Face hub: OWNER/NAME, with /CONFIG and @REVISION as you like.',
      placeHolder: 'HuggingFaceFW/fineweb-edu/sample-10BT',
      ignoreFocusOut: true,
      validateInput: (text) =>
        hubSource(text) ? undefined : 'Write OWNER/NAME, such as HuggingFaceFW/fineweb-edu/sample-10BT.',
    });
    const source = name === undefined ? undefined : hubSource(name);
    return source === undefined ? undefined : { kind: 'source', source };
  }

  async #chooseLocal(what: 'folder' | 'file'): Promise<DataChoice | undefined> {
    const [folder] =
      (await vscode.window.showOpenDialog({
        title: what === 'folder' ? 'Folder with text' : 'File with text',
        canSelectFolders: what === 'folder',
        canSelectFiles: what === 'file',
      })) ?? [];
    if (!folder) return undefined;
    const recent = this.#memory.get<string[]>(recentKey, []);
    await this.#memory.update(
      recentKey,
      [folder.fsPath, ...recent.filter((p) => p !== folder.fsPath)].slice(0, 8),
    );
    return { kind: 'folder', path: folder.fsPath };
  }

  async #node(answers: Answers): Promise<PageAnswer> {
    await this.#service.ready();
    const checkpointNode = answers.setup === 'continue' ? answers.continued?.node : undefined;
    type Item = vscode.QuickPickItem & { node: string | undefined };
    const items: Item[] = [
      ...nodeRows(this.#service.nodes, this.#resolved(answers), checkpointNode).map((row) => ({
        ...row,
        label: row.node,
      })),
      {
        label: 'Add Node…',
        iconPath: new vscode.ThemeIcon('add'),
        detail: 'A host of your SSH configuration, or any other.',
        node: undefined,
      },
    ];
    const active = items.find(({ node }) => node === answers.node);
    const picked = await stepPick({ title, placeholder: 'Node', step: 4, totalSteps, items, active });
    if (picked === undefined || picked === 'back') return picked;
    if (picked.node === undefined) {
      await vscode.commands.executeCommand(commandIds.addNode);
      return this.#node(answers);
    }
    answers.node = picked.node;
    return 'next';
  }

  #resolved(answers: Answers): ResolvedRunFile | null {
    try {
      return resolveRunFile(parseRunFile(this.#request(answers).file));
    } catch {
      return null;
    }
  }

  #isLocal(node: string | undefined): boolean {
    return this.#service.nodes.some(({ config }) => config.name === node && config.kind === 'local');
  }

  #request({ setup, model, continued, data, node }: Answers): LaunchRequest {
    const chosen: DataChoice = data ?? { kind: 'source', source: 'world' };
    const source = {
      source: sourceOn(chosen, { local: this.#isLocal(node) }),
      ...(chosen.column === undefined ? {} : { column: chosen.column }),
    };
    const choice: LaunchChoice =
      setup === 'continue' && continued
        ? {
            ...{ setup, ...source, model: continued.model },
            ...{ steps: continued.steps, checkpoint: continued.checkpoint },
          }
        : { setup: setup ?? 'clm', ...source, model: model ?? 'micro', steps: wizardSteps[model ?? 'micro'] };
    const yaml = runFileText(choice);
    return { yaml, file: this.#read(yaml), node: node ?? '' };
  }
}
