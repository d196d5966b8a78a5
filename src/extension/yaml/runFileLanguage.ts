import { TextDocument } from 'vscode-languageserver-textdocument';
import type { CompletionItem, Hover, MarkupContent } from 'vscode-languageserver-types';
import { getLanguageService } from 'yaml-language-server/out/src/languageservice/yamlLanguageService.js';
import * as z from 'zod';
import { runFileSchema } from '../../protocol/runFile.ts';
import { ownProblems, type Problem, readRunFileText, syntaxProblems } from './ownProblems.ts';

// The bundle's second entry: one parser serves both.
export { readRunFileText };

const schemaUri = 'biphase://schemas/run-file';

/** A zero-based place in a text. */
export interface Place {
  line: number;
  character: number;
}

/** Completion, hover and checks of run files: yaml-language-server on the JSON schema of the run file, ours on top. */
export class RunFileLanguage {
  readonly #service;

  constructor() {
    this.#service = getLanguageService({
      schemaRequestService: (uri) => Promise.reject(new Error(`${uri} is not fetched.`)),
      workspaceContext: { resolveRelativePath: (relative) => relative },
    });
    this.#service.configure({
      validate: true,
      hover: true,
      completion: true,
      format: false,
      hoverSchemaSource: false,
      yamlVersion: '1.2',
      schemas: [
        {
          uri: schemaUri,
          fileMatch: ['*'],
          schema: z.toJSONSchema(runFileSchema, { io: 'input', target: 'draft-7' }),
        },
      ],
    });
  }

  async complete(text: string, place: Place): Promise<CompletionItem[]> {
    return (await this.#service.doComplete(documentOf(text), place, false)).items;
  }

  /** Markdown about the key or value at the place; undefined where there is nothing to say. */
  async hover(text: string, place: Place): Promise<string | undefined> {
    const hover = await this.#service.doHover(documentOf(text), place);
    return hover ? markdownOf(hover) : undefined;
  }

  /** All problems of the text. Where ours and the service's name the same stretch, ours stands. */
  async problems(text: string): Promise<Problem[]> {
    const own = ownProblems(text);
    const theirs = (await this.#service.doValidation(documentOf(text), false)).map(
      ({ range, message, severity }): Problem => ({
        from: range.start,
        to: range.end,
        message: typeof message === 'string' ? message : message.value,
        warning: severity !== undefined && severity > 1,
      }),
    );
    const marked = new Set(own.map(({ from }) => `${from.line}:${from.character}`));
    // The service lets some texts pass that no parser reads.
    const broken = theirs.some(({ warning }) => !warning) ? [] : syntaxProblems(text);
    return [...own, ...broken, ...theirs.filter(({ from }) => !marked.has(`${from.line}:${from.character}`))];
  }
}

let version = 0;
/** The service keeps parsed documents by address and version, so each text is a new version. */
function documentOf(text: string): TextDocument {
  return TextDocument.create('file:///run.run.yaml', 'yaml', ++version, text);
}

function markdownOf(hover: Hover): string {
  const { contents } = hover;
  if (typeof contents === 'string') return contents;
  return Array.isArray(contents) ? contents.map(String).join('\n\n') : (contents as MarkupContent).value;
}
