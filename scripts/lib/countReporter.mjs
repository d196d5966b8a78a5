// A reporter for node:test that writes one JSON line at the end: counts, the names of what was skipped, and what tests
// told with a diagnostic that begins with "evidence: ".
// The test runner asks for a default export.
export default async function* countReporter(source) {
  const skipped = [];
  const evidence = [];
  let counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const event of source) {
    const { data, type } = event;
    if (type === 'test:pass' && data.skip !== undefined && data.skip !== false)
      skipped.push(typeof data.skip === 'string' && data.skip ? `${data.name}: ${data.skip}` : data.name);
    if (type === 'test:diagnostic' && data.message.startsWith('evidence: '))
      evidence.push(data.message.slice('evidence: '.length));
    if (type === 'test:summary' && data.file === undefined) counts = data.counts;
  }
  const { passed, failed, cancelled = 0 } = counts;
  yield `${JSON.stringify({ passed, failed: failed + cancelled, skipped, evidence })}\n`;
}
