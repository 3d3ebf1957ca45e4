// Texts as messages show them.

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A text in one line: messages drop the ends of lines, and words would run into one another. */
export function oneLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter(Boolean).join('; ').replaceAll(/([.:;,]); /g, '$1 ');
}
