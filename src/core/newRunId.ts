const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';

/** A fresh run id, `<yyyymmdd>-<8 random>`, with the day in UTC. Chosen by the launcher before first contact. */
export function newRunId(now: Date = new Date()): string {
  const day = now.toISOString().slice(0, 10).replaceAll('-', '');
  let random = '';
  while (random.length < 8) {
    const [byte] = crypto.getRandomValues(new Uint8Array(1));
    // 252 is the largest multiple of 36 in a byte: every letter is as likely as another.
    if (byte < 252) random += alphabet[byte % 36];
  }
  return `${day}-${random}`;
}
