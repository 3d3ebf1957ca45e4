// Which nodes stand at a position of a text.
import type { GraphModel } from './protocol';

/** The node in whose text a position is: nodes stand in order, so halves are looked at. */
export function placesAt(model: GraphModel, { line, character }: { line: number; character: number }): number[] {
  const nodes = model.nodes.map((node, place) => ({ node, place })).filter(({ node }) => node.place !== undefined);
  let low = 0;
  let high = nodes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const [, , endLine, endCharacter] = nodes[middle]?.node.place ?? [0, 0, 0, 0];
    if (endLine < line || (endLine === line && endCharacter < character)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const found = nodes[low];
  if (found?.node.place === undefined) {
    return [];
  }
  const [startLine, startCharacter] = found.node.place;
  const isAfter = startLine < line || (startLine === line && startCharacter <= character);
  return isAfter || startLine === line ? [found.place] : [];
}

/** The nodes that came from a line of a model: those whose expression is at the position first, the smallest first. */
export function originsAt(model: GraphModel, file: number, { line, character }: { line: number; character: number }): number[] {
  const found: { place: number; inside: boolean; size: number }[] = [];
  model.nodes.forEach(({ origin }, place) => {
    if (origin?.[0] === file && origin[1] <= line && line <= origin[3]) {
      const [, startLine, start, endLine, end] = origin;
      const inside = (startLine < line || start <= character) && (endLine > line || character <= end);
      found.push({ place, inside, size: (endLine - startLine) * 1000 + end - start });
    }
  });
  found.sort((one, other) => Number(other.inside) - Number(one.inside) || one.size - other.size || one.place - other.place);
  return found.map(({ place }) => place);
}
