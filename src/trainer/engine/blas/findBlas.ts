import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BiphaseError } from '../../../core/errors.ts';
import { findNativePart } from '../../nativePart.ts';
import { type BlasLibrary, type Koffi, loadKoffi } from './blasLibrary.ts';

/** Environment variable that names the BLAS to use: a file, or a name that the system's loader finds. */
export const BLAS_VARIABLE = 'BIPHASE_BLAS';

/** Names that the system's loader is asked for. */
const NAMES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['libopenblas.so.0', 'libopenblas.so', 'libmkl_rt.so.2', 'libmkl_rt.so.1', 'libmkl_rt.so'],
  darwin: ['/System/Library/Frameworks/Accelerate.framework/Accelerate'],
  win32: ['libopenblas.dll', 'mkl_rt.2.dll'],
};

/** Files that hold a BLAS, in a Python environment's folders and where packages put it outside the loader's path. */
const FILE = /^lib(scipy_)?openblas.*\.(so|dylib)(\.\d+)*$|^libmkl_rt\.(so|\d\.dylib|dylib)(\.\d+)*$/;

/** Environment variables by which libraries take the number of their own threads when they are loaded. */
const ONE_THREAD: Readonly<Record<string, string>> = {
  OPENBLAS_NUM_THREADS: '1',
  OMP_NUM_THREADS: '1',
  MKL_NUM_THREADS: '1',
  MKL_THREADING_LAYER: 'SEQUENTIAL',
  VECLIB_MAXIMUM_THREADS: '1',
};

let found: BlasLibrary | null | undefined;

/** The BLAS of this machine, or null; looked for once. */
export function findBlas(): BlasLibrary | null {
  if (found === undefined) found = search();
  return found;
}

/** @throws BiphaseError `missing` with what to do */
export function needBlas(): BlasLibrary {
  const blas = findBlas();
  if (blas) return blas;
  throw new BiphaseError('missing', 'No BLAS library was found on this machine.', {
    next: `Install OpenBLAS (Debian: libopenblas0-pthread), name a library in ${BLAS_VARIABLE}, or use the engine wasm.`,
  });
}

function search(): BlasLibrary | null {
  const named = process.env[BLAS_VARIABLE];
  const binding = findNativePart({
    file: 'koffi.node',
    package: 'koffi',
    installed: (platform) => path.join('build/koffi', koffiFolder(platform), 'koffi.node'),
  });
  if (binding === undefined) {
    if (!named) return null;
    throw new BiphaseError(
      'missing',
      `${BLAS_VARIABLE} names a library, but this bundle cannot call libraries.`,
    );
  }
  const koffi = loadKoffi(binding);
  if (named) {
    const blas = withOneThread(() => tryOpen(koffi, binding, named, true));
    if (blas) return blas;
    throw new BiphaseError('usage', `${BLAS_VARIABLE} is ${named}, which is not a BLAS that can be loaded.`);
  }
  return withOneThread(() => {
    for (const file of NAMES[process.platform] ?? []) {
      const blas = tryOpen(koffi, binding, file, false);
      if (blas) return blas;
    }
    for (const folder of folders())
      for (const file of filesOf(folder)) {
        const blas = tryOpen(koffi, binding, file, false);
        if (blas) return blas;
      }
    return null;
  });
}

/** Libraries read their variables while they are loaded; programs that this one starts must not see them. */
function withOneThread<T>(action: () => T): T {
  const before = Object.keys(ONE_THREAD).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, ONE_THREAD);
  try {
    return action();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** Names of `cblas_sgemm`: the usual one, and those of builds with 64-bit whole numbers and of Python's wheels. */
const VARIANTS = ['', '64_'].flatMap((suffix) => ['', 'scipy_'].map((prefix) => ({ prefix, suffix })));

function tryOpen(koffi: Koffi, binding: string, file: string, anyKind: boolean): BlasLibrary | null {
  let library: ReturnType<Koffi['load']>;
  try {
    library = koffi.load(file);
  } catch {
    return null;
  }
  const call = (definition: string, ...values: unknown[]): unknown => {
    try {
      return library.func(definition)(...values);
    } catch {
      return undefined;
    }
  };
  const has = (name: string): boolean => {
    try {
      library.func(`void ${name}(void)`);
      return true;
    } catch {
      return false;
    }
  };
  const variant = VARIANTS.find(({ prefix, suffix }) => has(`${prefix}cblas_sgemm${suffix}`));
  if (!variant) return null;
  const { prefix, suffix } = variant;
  const common = {
    ...{ file: realFile(file), binding, symbol: `${prefix}cblas_sgemm${suffix}` },
    wideIntegers: suffix === '64_',
  };
  const config = call(`const char *${prefix}openblas_get_config${suffix}()`);
  if (typeof config === 'string') {
    const core = call(`const char *${prefix}openblas_get_corename${suffix}()`);
    const version = typeof core === 'string' && !config.includes(core) ? `${config} ${core}` : config;
    return { ...common, version, setThreads: `${prefix}openblas_set_num_threads${suffix}` };
  }
  if (has('MKL_Get_Version_String')) {
    const text = Buffer.alloc(256);
    call('void MKL_Get_Version_String(_Out_ uint8_t *text, int length)', text, text.length);
    const version = text.toString('latin1').replaceAll('\0', ' ').trim();
    return { ...common, version: version || 'MKL', setThreads: 'MKL_Set_Num_Threads' };
  }
  if (file.includes('Accelerate.framework'))
    return { ...common, version: `Accelerate of ${os.type()} ${os.release()}` };
  // Others may be the reference BLAS, which is slower than the WebAssembly kernels: only where a person named it.
  return anyKind ? { ...common, version: path.basename(common.file) } : null;
}

function realFile(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch {
    return file;
  }
}

/** Folders outside the loader's path that may hold a BLAS, in a fixed order. */
function folders(): string[] {
  const { VIRTUAL_ENV, CONDA_PREFIX } = process.env;
  const environments = [VIRTUAL_ENV, CONDA_PREFIX, path.join(os.homedir(), '.local')].filter(
    (folder): folder is string => folder !== undefined && folder !== '',
  );
  const triplets = ['x86_64-linux-gnu', 'aarch64-linux-gnu'];
  return [
    ...environments.flatMap((folder) => [path.join(folder, 'lib'), ...pythonLibraries(folder)]),
    ...triplets.flatMap((triplet) =>
      ['pthread', 'openmp', 'serial'].map((kind) => `/usr/lib/${triplet}/openblas-${kind}`),
    ),
    ...['/usr/lib64', '/opt/homebrew/opt/openblas/lib', '/usr/local/opt/openblas/lib'],
    ...['/opt/intel/oneapi/mkl/latest/lib', '/opt/intel/oneapi/mkl/latest/lib/intel64'],
    ...['/usr/local', '/usr'].flatMap(pythonLibraries),
  ];
}

/** Where wheels of NumPy and SciPy keep their BLAS. */
function pythonLibraries(prefix: string): string[] {
  return ['lib', 'lib64'].flatMap((lib) =>
    list(path.join(prefix, lib))
      .filter((name) => /^python3/.test(name))
      .flatMap((python) =>
        ['site-packages', 'dist-packages'].flatMap((packages) =>
          ['scipy_openblas64/lib', 'scipy_openblas32/lib', 'numpy.libs', 'scipy.libs'].map((folder) =>
            path.join(prefix, lib, python, packages, folder),
          ),
        ),
      ),
  );
}

function list(folder: string): string[] {
  try {
    return fs.readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function filesOf(folder: string): string[] {
  return list(folder)
    .filter((name) => FILE.test(name))
    .map((name) => path.join(folder, name));
}

/** koffi's name of a platform. */
function koffiFolder(platform: string): string {
  const [system = '', arch = '', libc] = platform.split('-');
  return `${libc === 'musl' ? 'musl' : system}_${arch}`;
}
