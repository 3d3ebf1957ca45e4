// Finding nodes by what stands on them.
import type { GraphModel, GraphNode } from '../../graph/protocol';

/** Places of the nodes in whose id, kind, module, shape or parameters all words of a question stand. */
export function search(model: GraphModel, question: string): number[] {
  const words = question.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) {
    return [];
  }
  const exact: number[] = [];
  const others: number[] = [];
  model.nodes.forEach((node, place) => {
    const text = textOf(node);
    if (words.every((word) => text.includes(word))) {
      (node.id === words[0] || node.kind === words[0] ? exact : others).push(place);
    }
  });
  return [...exact, ...others];
}

function textOf({ id, kind, module = '', shape, parameters = [], findings = [] }: GraphNode): string {
  const codes = findings.map(({ code }) => code).join(' ');
  return `${id} ${kind} ${module} ${shape} ${parameters.join(' ')} ${codes}`.toLowerCase();
}
