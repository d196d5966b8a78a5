/** What a page's HTML is built from; addresses as the webview sees them. */
export interface PageParts {
  title: string;
  script: string;
  style: string;
  cspSource: string;
  nonce: string;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/**
 * The one HTML that every page gets: nothing loads but the page's script and style. Nothing inline
 * runs or styles: the one hash is that of an empty style element, which the controls then fill by script.
 */
export function pageHtml(parts: PageParts): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${parts.nonce}'`,
    `style-src ${parts.cspSource} 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='`,
    `img-src ${parts.cspSource} data:`,
    `font-src ${parts.cspSource}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${escapeHtml(parts.style)}">
<title>${escapeHtml(parts.title)}</title>
</head>
<body>
<main id="page"></main>
<script type="module" nonce="${parts.nonce}" src="${escapeHtml(parts.script)}"></script>
</body>
</html>
`;
}
