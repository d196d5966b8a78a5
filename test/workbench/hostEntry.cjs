// Loaded by the extension host as its tests: runs the real entry, copies its output to a file, and writes down the
// outcome. Absent, the outcome says that the host died.
const fs = require('node:fs');
const util = require('node:util');

exports.run = async () => {
  const { BIPHASE_HOST_TESTS: entry, BIPHASE_HOST_OUTPUT: output, BIPHASE_HOST_RESULT: result } = process.env;
  const file = fs.openSync(output, 'a');
  // VS Code defines the console's methods with setters that do nothing: assignment alone would be lost.
  for (const name of ['log', 'info', 'warn', 'error', 'debug'])
    Object.defineProperty(console, name, {
      configurable: true,
      writable: true,
      value: (...parts) => fs.writeSync(file, `${util.format(...parts)}\n`),
    });
  try {
    await require(entry).run();
    fs.writeFileSync(result, JSON.stringify({ ok: true }));
  } catch (error) {
    fs.writeFileSync(result, JSON.stringify({ ok: false, error: String(error?.stack ?? error) }));
    throw error;
  }
};
