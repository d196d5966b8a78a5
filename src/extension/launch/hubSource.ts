const page = /^https:\/\/huggingface\.co\/datasets\//;

/**
 * What a person types or pastes for a dataset of the Hugging Face hub, as `data.source` takes it: OWNER/NAME with
 * /CONFIG and @REVISION as one likes, or the address of its page. Undefined where it is none.
 */
export function hubSource(text: string): string | undefined {
  const typed = text.trim();
  const name = page.test(typed)
    ? typed.replace(page, '').split(/[/?#]/).slice(0, 2).join('/')
    : typed.replace(/^hub:/, '');
  return /^\w[\w.-]*\/\w[\w.-]*(\/\w[\w.+/-]*)?(@\w[\w./-]*)?$/.test(name) ? `hub:${name}` : undefined;
}
