/** A mistake or a lack that a person can do something about: shown as one sentence, without a stack. */
export class Plain extends Error {}

/** Runs a command's main function; a Plain error ends it with one sentence and exit code 2. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (!(error instanceof Plain)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
