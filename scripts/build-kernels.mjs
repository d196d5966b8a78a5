// Compiles the WebAssembly kernels to dist/bundle/kernels.wasm. Runs under Node 20.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = 'src/trainer/engine/wasm/kernels/index.ts';

/** Compiles the kernels; throws with the compiler's message when that fails. Returns the file's path. */
export async function buildKernels(outFile = join(root, 'dist/bundle/kernels.wasm')) {
  const { default: asc } = await import('assemblyscript/asc');
  mkdirSync(dirname(outFile), { recursive: true });
  const { error, stderr } = await asc.main(
    [
      ...[source, '--baseDir', root, '--outFile', outFile],
      ...['--runtime', 'stub', '-O3', '--noAssert', '--importMemory', '--sharedMemory'],
      // Constants lie between the ops' arguments and the first tensor: see control.ts.
      ...['--initialMemory', '1', '--maximumMemory', '65536', '--memoryBase', '512'],
      ...['--enable', 'simd', '--enable', 'relaxed-simd', '--enable', 'threads', '--enable', 'bulk-memory'],
    ],
    {},
  );
  if (error) throw new Error(`The kernels do not compile: ${stderr.toString()}`);
  return outFile;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await buildKernels());
