declare const BIPHASE_VERSION: string | undefined;

/** The package's version, set by the build; `dev` when run from source. */
export const version: string = typeof BIPHASE_VERSION === 'string' ? BIPHASE_VERSION : 'dev';
