import v8 from 'node:v8';

/** V8 versions with which every kernel has been compared with the reference while the flag below was set. */
const PROVEN_VERSIONS = ['13.6.'];

let joins: boolean | undefined;

/**
 * Sets how V8 compiles WebAssembly in this process, and says whether it may join vectors. To be called before the
 * kernels are compiled.
 *
 * Without the baseline compiler every kernel is optimized at its first call, always in the same way. With
 * "revectorize" V8 joins two neighbouring 128-bit operations into one of 256 bits where the processor has AVX2: twice
 * the rate, the same bits. V8 calls it experimental, so it is used only with versions on which the tests have run;
 * the environment variable BIPHASE_WIDE_VECTORS=off leaves it out.
 */
export function setCompilerFlags(): boolean {
  if (joins !== undefined) return joins;
  v8.setFlagsFromString('--no-liftoff');
  joins = canJoinVectors() && process.env.BIPHASE_WIDE_VECTORS !== 'off';
  if (joins) v8.setFlagsFromString('--experimental-wasm-revectorize');
  return joins;
}

function canJoinVectors(): boolean {
  const { variables } = process.config as unknown as { variables: Record<string, unknown> };
  return (
    variables.v8_enable_wasm_simd256_revec === 1 &&
    PROVEN_VERSIONS.some((version) => process.versions.v8.startsWith(version))
  );
}
