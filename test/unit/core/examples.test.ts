import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';

const folder = path.join(import.meta.dirname, '../../../examples');

for (const name of fs.readdirSync(folder).filter((file) => file.endsWith('.run.yaml')))
  test(`examples/${name} is a run file`, () => {
    const written = parse(fs.readFileSync(path.join(folder, name), 'utf8'));
    assert.match(resolveRunFile(parseRunFile(written)).name, /^\w+-(clm|mlm|mixed)/);
  });
