interface AddedTokens {
  added_tokens?: { id: number; content: string }[];
}

/**
 * tokenizer_config.json as `transformers` needs it beside tokenizer.json to know the special tokens by name. Padding is
 * the end-of-text token, as in the paper.
 * @param tokenizer tokenizer.json as text, and the ids of its end-of-text and mask tokens
 * @param context longest sample, in tokens
 */
export function transformersTokenizerConfig(
  tokenizer: { json: string; eos: number; mask: number },
  context: number,
): Record<string, unknown> {
  const { added_tokens: added = [] } = JSON.parse(tokenizer.json) as AddedTokens;
  const name = (wanted: number): string | undefined => added.find(({ id }) => id === wanted)?.content;
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    eos_token: name(tokenizer.eos),
    pad_token: name(tokenizer.eos),
    mask_token: name(tokenizer.mask),
    model_max_length: context,
    model_input_names: ['input_ids', 'attention_mask'],
    clean_up_tokenization_spaces: false,
  };
}
