import assert from 'node:assert/strict';
import vscode from 'vscode';
import { test } from './collector.ts';

interface Manifest {
  contributes: { commands: { command: string }[] };
}

const extension = vscode.extensions.getExtension<unknown>('biphase.biphase');

test('the extension activates', async () => {
  assert.ok(extension, 'the extension is known to the workbench');
  await extension.activate();
  assert.equal(extension.isActive, true);
});

test('every command of package.json is registered', async () => {
  assert.ok(extension);
  const { contributes } = extension.packageJSON as Manifest;
  const registered = new Set(await vscode.commands.getCommands(true));
  const missing = contributes.commands.map((c) => c.command).filter((id) => !registered.has(id));
  assert.deepEqual(missing, []);
});
