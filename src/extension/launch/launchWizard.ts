import * as vscode from 'vscode';
import { modelPresetNames } from '../../protocol/runFile.ts';
import type { ControlService } from '../control/controlService.ts';
import { nodeDescription } from '../views/nodeText.ts';
import { newestFirst } from '../views/runText.ts';
import { type LaunchChoice, modelDescription, runFileText, setups, wizardSteps } from './launchChoices.ts';
import type { LaunchRequest } from './launchRequest.ts';
import { stepPick } from './stepPick.ts';

const title = 'Launch Run';
const recentKey = 'biphase.recentData';
const totalSteps = 4;

/** A checkpoint that can be trained on. */
interface Continued {
  checkpoint: string;
  node: string;
  model: unknown;
  source: string;
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
type DataChoice = { kind: 'source'; source: string } | { kind: 'folder'; path: string };

type PageAnswer = 'next' | 'back' | 'file' | undefined;

/** The wizard's four picks. `file`: the person wants a run file instead; undefined: closed. */
export class LaunchWizard {
  readonly #service: ControlService;
  readonly #memory: vscode.Memento;
  readonly #read: (yaml: string) => unknown;

  constructor(service: ControlService, memory: vscode.Memento, read: (yaml: string) => unknown) {
    this.#service = service;
    this.#memory = memory;
    this.#read = read;
  }

  async run(): Promise<LaunchRequest | 'file' | undefined> {
    const answers: Answers = {};
    let page = 0;
    while (page < totalSteps) {
      const answer = await this.#page(page, answers);
      if (answer === undefined || answer === 'file') return answer;
      page += answer === 'next' ? 1 : -1;
    }
    return this.#request(answers);
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
    if (picked.id === 'file') return 'file';
    answers.setup = picked.id;
    return 'next';
  }

  async #model(answers: Answers): Promise<PageAnswer> {
    const items = modelPresetNames.map((name) => ({
      label: name,
      description: modelDescription(name),
      name,
    }));
    const picked = await stepPick({ title, placeholder: 'Model', step: 2, totalSteps, items });
    if (picked === undefined || picked === 'back') return picked;
    answers.model = picked.name;
    return 'next';
  }

  async #checkpoint(answers: Answers): Promise<PageAnswer> {
    await this.#service.ready();
    const items = [...this.#service.runs.values()]
      .filter((run) => run.onNode)
      .sort(newestFirst)
      .flatMap((run) =>
        [...run.checkpoints]
          .sort((a, b) => b - a)
          .map((step) => ({ label: run.name, description: `step ${step} · ${run.node}`, run, step })),
      );
    const placeholder = items.length > 0 ? 'Checkpoint' : 'No run has a checkpoint yet';
    const picked = await stepPick({ title, placeholder, step: 2, totalSteps, items });
    if (picked === undefined || picked === 'back') return picked;
    const { run, step } = picked;
    const { file } = await this.#service.call('runFile', { run: run.run });
    const parent = file as { model?: unknown; data?: { source?: string } };
    answers.continued = {
      checkpoint: `${run.run}@${step}`,
      node: run.node,
      model: parent.model ?? 'micro',
      source: parent.data?.source ?? 'world',
      steps: Math.max(1, Math.round(run.totalSteps / 2)),
    };
    return 'next';
  }

  async #data(answers: Answers): Promise<PageAnswer> {
    const recent = this.#memory.get<string[]>(recentKey, []);
    type Item = vscode.QuickPickItem & { choice: DataChoice | 'browse' | 'type' };
    const source = (label: string, value: string, detail?: string): Item => ({
      label,
      ...(detail ? { detail } : {}),
      choice: { kind: 'source', source: value },
    });
    const same = answers.setup === 'continue' ? answers.continued?.source : undefined;
    const items: Item[] = [
      ...(same === undefined ? [] : [source('As before', same, same)]),
      source(
        'Built-in world',
        'world',
        'English-like text over invented, consistent facts. Nothing to download.',
      ),
      { label: 'Folder…', detail: 'Text on this computer: .txt, .jsonl, .jsonl.gz.', choice: 'browse' },
      { label: 'Path on the node…', detail: 'Text that is already there.', choice: 'type' },
      ...recent.map(
        (folder): Item => ({
          label: folder,
          description: 'recent',
          choice: { kind: 'folder', path: folder },
        }),
      ),
    ];
    const picked = await stepPick({ title, placeholder: 'Data', step: 3, totalSteps, items });
    if (picked === undefined || picked === 'back') return picked;
    const choice = await this.#dataChoice(picked.choice);
    if (!choice) return this.#data(answers);
    answers.data = choice;
    return 'next';
  }

  async #dataChoice(choice: DataChoice | 'browse' | 'type'): Promise<DataChoice | undefined> {
    if (choice === 'type') {
      const source = await vscode.window.showInputBox({
        title,
        prompt: 'A folder or file on the node, as an absolute path.',
        ignoreFocusOut: true,
        validateInput: (text) => (text.trim().startsWith('/') ? undefined : 'The path must begin with /.'),
      });
      return source === undefined ? undefined : { kind: 'source', source: source.trim() };
    }
    if (choice !== 'browse') return choice;
    const [folder] =
      (await vscode.window.showOpenDialog({
        title: 'Folder with text',
        canSelectFolders: true,
        canSelectFiles: false,
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
    const needed = answers.setup === 'continue' ? answers.continued?.node : undefined;
    const items = this.#service.nodes
      .filter(({ config }) => needed === undefined || config.name === needed)
      .map((node) => ({
        label: node.config.name,
        description: nodeDescription(node),
        ...(needed === undefined ? {} : { detail: 'The checkpoint lies there.' }),
      }));
    const picked = await stepPick({ title, placeholder: 'Node', step: 4, totalSteps, items });
    if (picked === undefined || picked === 'back') return picked;
    answers.node = picked.label;
    return 'next';
  }

  #request({ setup, model, continued, data, node }: Answers): LaunchRequest {
    const local = this.#service.nodes.find((n) => n.config.name === node)?.config.kind === 'local';
    const source =
      data?.kind === 'folder' ? `${local ? '' : 'local:'}${data.path}` : (data?.source ?? 'world');
    const choice: LaunchChoice =
      setup === 'continue' && continued
        ? { setup, source, model: continued.model, steps: continued.steps, checkpoint: continued.checkpoint }
        : { setup: setup ?? 'clm', source, model: model ?? 'micro', steps: wizardSteps[model ?? 'micro'] };
    const yaml = runFileText(choice);
    return { yaml, file: this.#read(yaml), node: node ?? '' };
  }
}
