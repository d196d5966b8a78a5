/** A run that somebody wants: the file as parsed, as text, and where. */
export interface LaunchRequest {
  /** As parsed from `yaml`, with local paths made absolute. */
  file: unknown;
  yaml: string;
  node: string;
}
