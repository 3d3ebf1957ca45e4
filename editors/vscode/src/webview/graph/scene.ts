// What is seen of a graph with some clusters closed: cards, the frames of open clusters around them, and edges.
import { at as entry } from './at';
import type { Family, GraphCluster, GraphModel, GraphNode, Mark } from '../../graph/protocol';

/** A node, or a closed cluster. */
export interface Card {
  /** What it is recognized by in the next scene. */
  readonly key: string;
  readonly node?: GraphNode;
  readonly cluster?: GraphCluster;
  /** Places in `nodes`; one for a node. */
  readonly first: number;
  readonly last: number;
  readonly title: string;
  /** A second line. */
  readonly detail: string;
  /** The shape of its value, on the edges that leave it. */
  readonly shape: string;
  readonly family: string;
  readonly mark: Mark | undefined;
  readonly errors: number;
  readonly warnings: number;
  readonly isOutput: boolean;
}

export interface Frame {
  readonly cluster: GraphCluster;
  /** Place in `frames`, or -1. */
  readonly parent: number;
}

export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly mark: 'added' | 'removed' | undefined;
}

export interface Scene {
  readonly cards: readonly Card[];
  /** For each card the frame around it, or -1. */
  readonly around: readonly number[];
  readonly frames: readonly Frame[];
  readonly edges: readonly Edge[];
  /** For each node the card where it is seen. */
  readonly cardOf: Int32Array;
}

export function sceneOf(model: GraphModel, isOpen: (key: string) => boolean): Scene {
  const cards: Card[] = [];
  const around: number[] = [];
  const frames: Frame[] = [];
  const cardOf = new Int32Array(model.nodes.length);
  const ids = new Map<string, number>();
  const frameOf = new Map<number, number>();
  let cluster = 0;
  let place = 0;
  while (place < model.nodes.length) {
    let closed: GraphCluster | undefined;
    // Clusters stand before what is in them: those that begin here are next.
    while (cluster < model.clusters.length && (model.clusters[cluster]?.first ?? 0) < place) {
      cluster += 1;
    }
    while (model.clusters[cluster]?.first === place) {
      const found = entry(model.clusters, cluster);
      if (!isOpen(found.key)) {
        closed = found;
        break;
      }
      frameOf.set(cluster, frames.length);
      frames.push({ cluster: found, parent: frameOf.get(found.parent) ?? -1 });
      cluster += 1;
    }
    const frame = innermost(frames, place);
    const last = closed?.last ?? place;
    cardOf.fill(cards.length, place, last + 1);
    cards.push(closed === undefined ? nodeCard(model, place, ids) : clusterCard(model, closed));
    around.push(frame);
    place = last + 1;
  }
  return { cards, around, frames, edges: edgesOf(model, cardOf), cardOf };
}

/** Whether two scenes have the same cards, frames and edges, so that what is laid out for one serves the other for a while. */
export function isAlike(one: Scene, other: Scene): boolean {
  return (
    one.cards.length === other.cards.length &&
    one.frames.length === other.frames.length &&
    one.edges.length === other.edges.length &&
    one.cards.every(({ key }, at) => key === other.cards[at]?.key) &&
    one.frames.every(({ cluster }, at) => cluster.key === other.frames[at]?.cluster.key) &&
    one.edges.every(({ from, to }, at) => from === other.edges[at]?.from && to === other.edges[at].to)
  );
}

/** The innermost open cluster around a node: of those that reach it, the one that began last. */
function innermost(frames: readonly Frame[], place: number): number {
  let at = frames.length - 1;
  while (at >= 0 && entry(frames, at).cluster.last < place) {
    at = entry(frames, at).parent;
  }
  return at;
}

function nodeCard(model: GraphModel, place: number, ids: Map<string, number>): Card {
  const node = entry(model.nodes, place);
  const name = `${node.mark === 'removed' ? 'removed ' : ''}${node.id}`;
  const count = (ids.get(name) ?? 0) + 1;
  ids.set(name, count);
  return {
    key: count === 1 ? `n:${name}` : `n:${name}:${count}`,
    node,
    first: place,
    last: place,
    title: node.kind,
    detail: (node.parameters ?? []).join('  '),
    shape: node.shape,
    family: node.family,
    mark: node.mark,
    errors: (node.findings ?? []).filter(({ severity }) => severity === 'error').length,
    warnings: (node.findings ?? []).filter(({ severity }) => severity === 'warning').length,
    isOutput: node.outputs !== undefined,
  };
}

function clusterCard(model: GraphModel, cluster: GraphCluster): Card {
  const inside = model.nodes.slice(cluster.first, cluster.last + 1);
  const marks = new Set(inside.map(({ mark }) => mark));
  const all = inside.flatMap(({ findings }) => findings ?? []);
  return {
    key: `c:${cluster.key}`,
    cluster,
    first: cluster.first,
    last: cluster.last,
    title: cluster.title,
    detail: `${inside.length.toLocaleString('en')} nodes`,
    shape: inside.at(-1)?.shape ?? '',
    family: '',
    mark: marks.size === 1 ? [...marks][0] : 'changed',
    errors: all.filter(({ severity }) => severity === 'error').length,
    warnings: all.filter(({ severity }) => severity === 'warning').length,
    isOutput: inside.some(({ outputs }) => outputs !== undefined),
  };
}

function edgesOf(model: GraphModel, cardOf: Int32Array): Edge[] {
  const marks = new Map(model.marked.map(([from, to, mark]) => [`${from} ${to}`, mark]));
  const seen = new Map<string, Edge>();
  for (const [operand, user] of model.edges) {
    const from = entry(cardOf, operand);
    const to = entry(cardOf, user);
    const name = `${from} ${to}`;
    if (from !== to && !seen.has(name)) {
      seen.set(name, { from, to, mark: marks.get(`${operand} ${user}`) });
    }
  }
  return [...seen.values()];
}

/** The clusters around a node, from the outside in. */
export function pathTo(model: GraphModel, place: number): GraphCluster[] {
  return model.clusters.filter(({ first, last }) => first <= place && place <= last);
}

/** Keys of clusters to open, level by level, until about so many cards are seen. */
export function openedWithin(model: GraphModel, limit: number): Set<string> {
  const children = new Map<number, number[]>();
  model.clusters.forEach(({ parent }, at) => children.set(parent, [...(children.get(parent) ?? []), at]));
  const sizeOf = (at: number): number => {
    const { first, last } = entry(model.clusters, at);
    const inner = (children.get(at) ?? []).map((one) => entry(model.clusters, one));
    return last - first + 1 - inner.reduce((sum, one) => sum + one.last - one.first, 0);
  };
  const opened = new Set<string>();
  const top = (children.get(-1) ?? []).map((at) => entry(model.clusters, at));
  let seen = model.nodes.length - top.reduce((sum, one) => sum + one.last - one.first, 0);
  let level = children.get(-1) ?? [];
  while (level.length > 0) {
    const next: number[] = [];
    for (const at of level) {
      const more = sizeOf(at) - 1;
      if (seen + more <= limit) {
        seen += more;
        opened.add(entry(model.clusters, at).key);
        next.push(...(children.get(at) ?? []));
      }
    }
    level = next;
  }
  return opened;
}

/** The place that a node of one version has in the next: what stands before and after an edit stays itself. */
export function followed(before: GraphModel, after: GraphModel, place: number): number {
  const name = (node: GraphNode | undefined): string => `${node?.kind ?? ''} ${node?.module ?? ''}`;
  const count = Math.min(before.nodes.length, after.nodes.length);
  let same = 0;
  while (same < count && name(before.nodes[same]) === name(after.nodes[same])) {
    same += 1;
  }
  if (place < same || before.nodes.length === after.nodes.length) {
    return Math.min(place, after.nodes.length - 1);
  }
  return Math.max(0, place + after.nodes.length - before.nodes.length);
}

export function familyColors(families: readonly Family[], isDark: boolean): Map<string, string> {
  return new Map(families.map(({ slug, light, dark }) => [slug, isDark ? dark : light]));
}
