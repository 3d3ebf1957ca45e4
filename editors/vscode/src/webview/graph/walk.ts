// Where arrow keys lead: up and down along edges, left and right to what stands beside.
import type { Picture } from './picture';

export type Direction = 'up' | 'down' | 'left' | 'right';

export function walk({ scene, layout }: Picture, from: number, direction: Direction): number | undefined {
  const here = layout.cards[from];
  if (here === undefined) {
    return undefined;
  }
  const [x, y] = here;
  const best = (found: readonly number[], cost: (dx: number, dy: number) => number): number | undefined => {
    let least = Infinity;
    let chosen: number | undefined;
    for (const at of found) {
      const [toX, toY] = layout.cards[at] ?? [Infinity, Infinity];
      const value = cost(toX - x, toY - y);
      if (value < least) {
        [least, chosen] = [value, at];
      }
    }
    return chosen;
  };
  if (direction === 'down') {
    const users = scene.edges.filter((edge) => edge.from === from).map(({ to }) => to);
    return best(users, (dx, dy) => Math.abs(dx) + Math.abs(dy));
  }
  if (direction === 'up') {
    const operands = scene.edges.filter((edge) => edge.to === from).map((edge) => edge.from);
    return best(operands, (dx, dy) => Math.abs(dx) + Math.abs(dy));
  }
  const sign = direction === 'right' ? 1 : -1;
  const beside = scene.cards.map((_, at) => at).filter((at) => at !== from);
  return best(beside, (dx, dy) => (dx * sign > 1 && Math.abs(dy) < 60 ? Math.abs(dx) + 3 * Math.abs(dy) : Infinity));
}
