/** Name of this machine's platform as bundle.json lists hashes: `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`. */
export function platformName(): string {
  if (process.platform !== 'linux') return `${process.platform}-${process.arch}`;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return `linux-${process.arch}-${report.header?.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}
