// Texts as messages show them.

/** A text in one line: messages drop the ends of lines, and words would run into one another. */
export function oneLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter(Boolean).join('; ').replaceAll(/([.:;,]); /g, '$1 ');
}
