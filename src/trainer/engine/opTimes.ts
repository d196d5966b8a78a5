import type { Engine, Tensor } from './engine.ts';

/** What one kind of op has taken so far. */
export interface OpTime {
  calls: number;
  seconds: number;
  /** Floating-point operations; of products alone, 0 elsewhere. */
  flops: number;
}

type Op = (...args: unknown[]) => unknown;

const products = new Set(['linear', 'linearBackwardInput', 'linearBackwardWeight']);

/**
 * The same engine, adding up in `times` how long each op took. Only for engines whose ops return when they are done.
 * Products count apart by their shape, `tokens × inputs → outputs`. `clock` gives seconds.
 */
export function timeOps(engine: Engine, clock: () => number, times: Map<string, OpTime>): Engine {
  const add = (name: string, seconds: number, flops: number): void => {
    const time = times.get(name) ?? { calls: 0, seconds: 0, flops: 0 };
    times.set(name, { calls: time.calls + 1, seconds: time.seconds + seconds, flops: time.flops + flops });
  };
  return new Proxy(engine, {
    get(target, name) {
      const op: unknown = Reflect.get(target, name);
      if (typeof op !== 'function' || typeof name !== 'string') return op;
      return (...args: unknown[]) => {
        const start = clock();
        const result = (op as Op).apply(target, args);
        const seconds = clock() - start;
        if (products.has(name)) {
          const { tokens, inputs, outputs } = productShape(name, args as Tensor[]);
          add(`${name} ${tokens} × ${inputs} → ${outputs}`, seconds, 2 * tokens * inputs * outputs);
        } else add(name, seconds, 0);
        return result;
      };
    },
  });
}

function productShape(
  name: string,
  [first, second, third]: readonly Tensor[],
): { tokens: number; inputs: number; outputs: number } {
  const weight = name === 'linearBackwardWeight' ? first! : third!;
  const [outputs = 0, inputs = 0] = weight.shape;
  return { tokens: second!.shape[0]!, inputs, outputs };
}
