import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A card of the shim; what is left out is an idle H100's. */
export interface ShimCard {
  index: number;
  uuid: string;
  usedMiB?: number;
  processes?: { pid: number; memoryMiB: number }[];
}

/** A fake `nvidia-smi` whose cards a test changes while programs ask it. */
export class ShimNvidiaSmi {
  /** To be put on a PATH. */
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-smi-'));

  constructor(cards: readonly ShimCard[]) {
    const script = `#!/bin/sh
cd "${this.folder}" || exit 1
case "$1" in
  --query-gpu=*)
    if [ -e later/armed ]; then rm later/armed; mv later/* .; rmdir later; elif [ -e later ]; then : > later/armed; fi
    cat cards ;;
  --query-compute-apps=*) cat processes ;;
  -L) cat list ;;
  *) exit 1 ;;
esac
`;
    fs.writeFileSync(path.join(this.folder, 'nvidia-smi'), script, { mode: 0o700 });
    this.show(cards);
  }

  /** Environment of a program that shall find it. */
  get environment(): { PATH: string } {
    return { PATH: `${this.folder}:${process.env.PATH}` };
  }

  /** What it shows from the look after the next one on. */
  showLater(cards: readonly ShimCard[]): void {
    const part = `${this.folder}/later.part`;
    fs.mkdirSync(part);
    this.#writeAll(part, cards);
    fs.renameSync(part, path.join(this.folder, 'later'));
  }

  show(cards: readonly ShimCard[]): void {
    this.#writeAll(this.folder, cards);
  }

  /** From now on it does not answer. */
  hang(): void {
    fs.writeFileSync(path.join(this.folder, 'nvidia-smi'), '#!/bin/sh\nexec sleep 1000\n');
  }

  dispose(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  #writeAll(folder: string, cards: readonly ShimCard[]): void {
    this.#write(
      folder,
      'cards',
      cards.map(({ index, uuid, usedMiB = 4 }) =>
        [index, uuid, 'NVIDIA H100 80GB HBM3', 81559, usedMiB, 0, 34, 68.42, '700.00'].join(', '),
      ),
    );
    this.#write(
      folder,
      'processes',
      cards.flatMap(({ uuid, processes = [] }) =>
        processes.map(({ pid, memoryMiB }) => `${uuid}, ${pid}, ${memoryMiB}`),
      ),
    );
    this.#write(
      folder,
      'list',
      cards.map(({ index, uuid }) => `GPU ${index}: NVIDIA H100 80GB HBM3 (UUID: ${uuid})`),
    );
  }

  /** By rename: a program that asks meanwhile sees the old or the new. */
  #write(folder: string, name: string, lines: readonly string[]): void {
    const file = path.join(folder, name);
    fs.writeFileSync(`${file}.part`, lines.map((line) => `${line}\n`).join(''));
    fs.renameSync(`${file}.part`, file);
  }
}
