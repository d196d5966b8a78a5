import * as vscode from 'vscode';
import type { NodeSummary, Prompt } from '../../protocol/controlApi.ts';
import { Disposable } from '../disposable.ts';
import { confirmRows } from './confirmRows.ts';
import type { ControlService } from './controlService.ts';
import { UnprovenSecrets } from './unprovenSecrets.ts';

const secretPrefix = 'biphase.secret.';

/**
 * Answers control's questions, one at a time, with inputs that the keyboard reaches and that stay when the focus
 * moves. Secrets are stored only after the node they belong to connected with them.
 */
export class Prompts extends Disposable {
  readonly #service: ControlService;
  readonly #secrets: vscode.SecretStorage;
  readonly #unproven = new UnprovenSecrets();
  readonly #answered = new Set<string>();
  #queue: Promise<void> = Promise.resolve();
  #shown: { id: string; input: vscode.QuickInput } | undefined;

  constructor(service: ControlService, secrets: vscode.SecretStorage) {
    super();
    this.#service = service;
    this.#secrets = secrets;
    this.register(
      service.onPrompt((prompt) => {
        // A quiet question shows nothing, so it does not wait behind one on show.
        if (prompt.kind === 'secret' && prompt.quiet) void this.#answer(prompt).catch(() => {});
        else this.#queue = this.#queue.then(() => this.#answer(prompt)).catch(() => {});
      }),
    );
    this.register(
      service.onPromptDone(({ id }) => {
        this.#answered.add(id);
        if (this.#shown?.id === id) this.#shown.input.hide();
      }),
    );
    this.register(service.onNodes((nodes) => void this.#storeProven(nodes)));
  }

  async #answer(prompt: Prompt): Promise<void> {
    if (this.#answered.has(prompt.id)) return;
    const answer = await this.#ask(prompt);
    if (this.#answered.delete(prompt.id)) return;
    await this.#service.call('answerPrompt', { id: prompt.id, answer });
  }

  #ask(prompt: Prompt): Promise<string | null> {
    switch (prompt.kind) {
      case 'hostKey':
        return this.#choose(
          prompt.id,
          `Host key of ${prompt.host} is not known`,
          `${prompt.keyType} ${prompt.fingerprint}`,
          [
            {
              label: 'Accept',
              detail: `Trust ${prompt.fingerprint} and add it to known_hosts.`,
              answer: 'yes',
            },
            { label: 'Refuse', detail: 'Do not connect. Nothing is sent.', answer: null },
          ],
        );
      case 'confirm': {
        const { above, rows } = confirmRows(prompt);
        return this.#choose(
          prompt.id,
          prompt.title,
          above,
          rows.map((row) => ({ ...row, alwaysShow: row.answer === undefined })),
        );
      }
      case 'secret':
        return this.#secret(prompt);
    }
  }

  #choose(
    id: string,
    title: string,
    placeholder: string,
    items: (vscode.QuickPickItem & { answer?: string | null })[],
  ): Promise<string | null> {
    const pick = vscode.window.createQuickPick<(typeof items)[number]>();
    pick.title = title;
    pick.placeholder = placeholder;
    pick.items = items;
    pick.ignoreFocusOut = true;
    return this.#show(id, pick, () => pick.selectedItems[0]?.answer, pick.onDidAccept);
  }

  async #secret(prompt: Extract<Prompt, { kind: 'secret' }>): Promise<string | null> {
    const key = prompt.storageKey === null ? undefined : secretPrefix + prompt.storageKey;
    if (prompt.quiet)
      return key && vscode.workspace.isTrusted ? ((await this.#secrets.get(key)) ?? null) : null;
    if (key && prompt.retry) {
      this.#unproven.drop(key);
      await this.#secrets.delete(key);
    } else if (key) {
      const stored = await this.#secrets.get(key);
      if (stored !== undefined) return stored;
    }
    const input = vscode.window.createInputBox();
    input.title = prompt.title;
    input.password = true;
    input.ignoreFocusOut = true;
    input.prompt = prompt.retry ? 'That was not right. Try again.' : `For node ${prompt.node}.`;
    const value = await this.#show(prompt.id, input, () => input.value, input.onDidAccept);
    if (value !== null && key) this.#unproven.add(prompt.node, key, value);
    return value;
  }

  #show(
    id: string,
    input: vscode.QuickInput,
    value: () => string | null | undefined,
    onDidAccept: vscode.Event<void>,
  ): Promise<string | null> {
    return new Promise((resolve) => {
      let answer: string | null = null;
      onDidAccept(() => {
        const given = value();
        // A row that only says something.
        if (given === undefined) return;
        answer = given;
        input.hide();
      });
      input.onDidHide(() => {
        this.#shown = undefined;
        input.dispose();
        resolve(answer);
      });
      this.#shown = { id, input };
      input.show();
    });
  }

  async #storeProven(nodes: readonly NodeSummary[]): Promise<void> {
    for (const node of nodes) {
      if (node.connection !== 'connected') continue;
      for (const [key, value] of this.#unproven.take(node.config.name)) await this.#secrets.store(key, value);
    }
  }
}
