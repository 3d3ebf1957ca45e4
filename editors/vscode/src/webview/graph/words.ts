// What is said of cards: to screen readers, and as tooltips.
import { at as entry } from './at';
import type { Scene } from './scene';

const NAMED = 6;

/** For every card one sentence: what it is, what it takes, what takes it, what is wrong with it. */
export function describer(scene: Scene): (card: number) => string {
  const operands: number[][] = scene.cards.map(() => []);
  const users: number[][] = scene.cards.map(() => []);
  for (const { from, to } of scene.edges) {
    operands[to]?.push(from);
    users[from]?.push(to);
  }
  const name = (at: number): string => {
    const { node, title } = entry(scene.cards, at);
    return node === undefined ? title : `${node.kind} ${node.id}`;
  };
  const list = (found: readonly number[]): string => {
    const more = found.length > NAMED ? ` and ${found.length - NAMED} more` : '';
    return found.slice(0, NAMED).map(name).join(', ') + more;
  };
  return (at) => {
    const card = entry(scene.cards, at);
    const parts = [card.node === undefined ? `${card.title}, closed, ${card.detail}` : name(at), card.shape];
    if (card.node?.module !== undefined) {
      parts.push(`module ${card.node.module}`);
    }
    if (card.node !== undefined && card.detail !== '') {
      parts.push(`parameters ${card.detail}`);
    }
    parts.push(operands[at]?.length ? `from ${list(operands[at])}` : '');
    parts.push(users[at]?.length ? `to ${list(users[at])}` : '');
    parts.push(card.isOutput ? 'output' : '', card.mark ?? '', ...(card.node?.changes ?? []));
    for (const finding of card.node?.findings ?? []) {
      parts.push(`${finding.severity} ${finding.code}: ${finding.message}`);
    }
    if (card.cluster !== undefined && card.errors > 0) {
      parts.push(counted(card.errors, 'error'));
    }
    return parts.filter(Boolean).join('; ');
  };
}

export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
