/** One sentence for a run that reads its training tokens `times` times; undefined where it does not read any again. */
export function whyEpochs(tokens: number, times: number): string | undefined {
  if (times <= 1) return undefined;
  return `This run reads its ${tokens.toLocaleString('en')} training tokens ${Math.ceil(times * 100) / 100} times: after each pass the same text comes again in another order.`;
}
