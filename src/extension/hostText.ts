/** `[user@]host[:port]` in its parts; an IPv6 address with a port stands in brackets. */
export function parseHost(text: string): { host: string; user?: string; port?: number } {
  const at = text.lastIndexOf('@');
  const user = at > 0 ? text.slice(0, at) : undefined;
  const rest = text.slice(at + 1);
  const [, bracketed, plain, portText] =
    /^(?:\[([^\]]+)\]|([^:]+|.*:.*:.*?))(?::(\d{1,5}))?$/.exec(rest) ?? [];
  const port = portText === undefined ? undefined : Number(portText);
  const host = bracketed ?? plain ?? rest;
  return { host, ...(user ? { user } : {}), ...(port && port <= 65_535 ? { port } : {}) };
}
