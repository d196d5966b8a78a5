import { type SlotWish, slotWishSchema } from '../../protocol/agentApi.ts';

/** Carries the wish to the wrapper: one of an older bundle, with which a run resumes, ignores it. */
const name = 'BIPHASE_SLOT';

export function slotVariable(wish: SlotWish | undefined): Record<string, string | undefined> {
  return { [name]: wish && JSON.stringify(wish) };
}

/** Takes the wish out of this process's environment, so that the trainer does not see it. */
export function takeSlotWish(): SlotWish | undefined {
  const text = process.env[name];
  delete process.env[name];
  return text === undefined ? undefined : slotWishSchema.parse(JSON.parse(text));
}
