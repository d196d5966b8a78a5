import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadKoffi, type Multiply, openBlas } from '../../../src/trainer/engine/blas/blasLibrary.ts';
import { BLAS_VARIABLE, needBlas } from '../../../src/trainer/engine/blas/findBlas.ts';
import {
  DEPTH_PART,
  multiplyTile,
  productArguments,
  type StridedAddress,
} from '../../../src/trainer/engine/blas/productKernel.ts';
import { chooseEngine } from '../../../src/trainer/engine/chooseEngine.ts';
import { oddConfig } from '../../support/models.ts';

test('the library that was found names itself and multiplies', () => {
  const blas = needBlas();
  assert.match(blas.version, /\w+/);
  const numbers = new Float32Array(new SharedArrayBuffer(64));
  const start = Number(loadKoffi(blas.binding).address(numbers));
  const multiply = openBlas(blas);
  // A = [1 2 3; 4 5 6], B = [1 −1; 0 2; 3 1]: A·B = [10 6; 22 12].
  numbers.set([1, 2, 3, 4, 5, 6, 1, -1, 0, 2, 3, 1, 100, 100, 100, 100]);
  const a = { transposed: false, pointer: start, stride: 3 };
  const b = { transposed: false, pointer: start + 24, stride: 2 };
  const c = { pointer: start + 48, stride: 2 };
  multiply(2, 2, 3, a, b, { ...c, accumulate: false });
  assert.deepEqual([...numbers.subarray(12)], [10, 6, 22, 12]);
  multiply(2, 2, 3, a, b, { ...c, accumulate: true });
  assert.deepEqual([...numbers.subarray(12)], [20, 12, 44, 24]);
  // The same six numbers read as the transpose of a 3 × 2 matrix: [1 3 5; 2 4 6] · B = [16 10; 20 12].
  multiply(2, 2, 3, { transposed: true, pointer: start, stride: 2 }, b, { ...c, accumulate: false });
  assert.deepEqual([...numbers.subarray(12)], [16, 10, 20, 12]);
});

test('a library that a person named and that is none is refused', () => {
  const file = path.resolve('src/trainer/engine/blas/findBlas.ts');
  const script = `import(${JSON.stringify(file)}).then(({ findBlas }) => findBlas()).catch((e) => console.log(e.kind, e.message));`;
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, [BLAS_VARIABLE]: '/no/such/library.so' },
    encoding: 'utf8',
  });
  assert.equal(
    child.stdout.trim(),
    `usage ${BLAS_VARIABLE} is /no/such/library.so, which is not a BLAS that can be loaded.`,
  );
});

test('auto takes the BLAS for wide models, and the shape alone decides', () => {
  assert.equal(chooseEngine('auto', { ...oddConfig, hiddenSize: 64 }), 'wasm');
  assert.equal(chooseEngine('auto', { ...oddConfig, hiddenSize: 512 }), 'blas');
  for (const name of ['reference', 'wasm', 'blas'] as const)
    assert.equal(chooseEngine(name, oddConfig), name);
});

/** CBLAS's definition of the call, in whole numbers on an array whose indices are the pointers ÷ 4. */
function plainMultiply(memory: Float64Array): Multiply {
  return (m, n, depth, a, b, c) => {
    for (const [{ transposed, stride }, rows, columns] of [
      [a, m, depth],
      [b, depth, n],
    ] as const)
      assert.ok(stride >= Math.max(1, transposed ? rows : columns), 'CBLAS refuses such a stride');
    const at = ({ transposed, pointer, stride }: typeof a, row: number, column: number): number =>
      memory[pointer / 4 + (transposed ? column * stride + row : row * stride + column)]!;
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        const place = c.pointer / 4 + i * c.stride + j;
        let sum = c.accumulate ? memory[place]! : 0;
        for (let k = 0; k < depth; k++) sum += at(a, i, k) * at(b, k, j);
        memory[place] = sum;
      }
  };
}

test('tiles and parts of the depth make up the whole product, however the operands lie', () => {
  const side = fc.integer({ min: 1, max: 9 });
  fc.assert(
    fc.property(
      fc.record({ m: side, n: side, depth: fc.constantFrom(1, 2, 7, DEPTH_PART + 3) }),
      fc.record({ tileRows: side, tileColumns: side }),
      fc.record({ a: fc.boolean(), b: fc.boolean(), accumulate: fc.boolean() }),
      ({ m, n, depth }, grid, { a, b, accumulate }) => {
        const memory = Float64Array.from({ length: (m + n) * depth + m * n }, (_, i) => ((i * 7) % 5) - 2);
        const matrix = (start: number, rows: number, columns: number, turned: boolean): StridedAddress => ({
          address: start * 4,
          rowStride: turned ? 4 : columns * 4,
          columnStride: turned ? rows * 4 : 4,
        });
        const A = matrix(0, m, depth, a);
        const B = matrix(m * depth, depth, n, b);
        const C = matrix((m + n) * depth, m, n, false);
        const expected: number[] = [];
        const read = ({ address, rowStride, columnStride }: StridedAddress, row: number, column: number) =>
          memory[(address + row * rowStride + column * columnStride) / 4]!;
        for (let i = 0; i < m; i++)
          for (let j = 0; j < n; j++) {
            let sum = accumulate ? read(C, i, j) : 0;
            for (let k = 0; k < depth; k++) sum += read(A, i, k) * read(B, k, j);
            expected.push(sum);
          }
        const args = Float64Array.from(productArguments([m, n, depth], grid, A, B, C, accumulate));
        const tiles = Math.ceil(m / grid.tileRows) * Math.ceil(n / grid.tileColumns);
        for (let tile = 0; tile < tiles; tile++)
          multiplyTile(plainMultiply(memory), args, tile, (address) => address);
        assert.deepEqual([...memory.subarray((m + n) * depth)], expected);
      },
    ),
    { numRuns: 60 },
  );
});
