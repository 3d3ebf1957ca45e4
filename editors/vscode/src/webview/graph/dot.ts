// A scene as Graphviz reads it. No name of an artifact gets into it: cards, frames and edges are numbers.
import { at as entry } from './at';
import type { Scene } from './scene';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Beyond so many cards edges are straight, and Graphviz does not look for the best order for long. */
const MANY = 400;

export function dotOf(scene: Scene, sizes: readonly Size[], titleWidths: readonly number[]): string {
  const isLarge = scene.cards.length > MANY;
  const inside = new Map<number, number[]>();
  scene.around.forEach((frame, card) => inside.set(frame, [...(inside.get(frame) ?? []), card]));
  const nested = new Map<number, number[]>();
  scene.frames.forEach(({ parent }, frame) => nested.set(parent, [...(nested.get(parent) ?? []), frame]));
  const lines = [
    'digraph {',
    `graph [nodesep=0.3, ranksep=0.46, fontname=Courier, fontsize=12, margin=0${isLarge ? ', splines=polyline, mclimit=0.5, nslimit=2, nslimit1=2' : ''}]`,
    'node [shape=box, fixedsize=true, label=""]',
    'edge [arrowsize=0.6]',
  ];
  const frame = (at: number): void => {
    for (const card of inside.get(at) ?? []) {
      const { width, height } = entry(sizes, card);
      lines.push(`n${card} [width=${(width / 72).toFixed(3)}, height=${(height / 72).toFixed(3)}]`);
    }
    for (const inner of nested.get(at) ?? []) {
      const letters = Math.ceil(entry(titleWidths, inner) / 7.2);
      lines.push(`subgraph cluster_${inner} {`, `graph [label="${'x'.repeat(letters)}", labeljust=l, margin=12]`);
      frame(inner);
      lines.push('}');
    }
  };
  frame(-1);
  scene.edges.forEach(({ from, to }, at) => lines.push(`n${from} -> n${to} [id=${at}]`));
  return [...lines, '}'].join('\n');
}
