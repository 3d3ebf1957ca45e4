// Draws a scene that is laid out. What is the same as before stays the same element.
import { at as entry } from './at';
import type { Size } from './dot';
import { cut, linesOf } from './measure';
import type { Picture } from './picture';
import type { Card, Edge, Frame, Scene } from './scene';
import { element } from './svg';

interface Drawn {
  readonly element: SVGElement;
  readonly signature: string;
}

export class Drawing {
  private readonly frames = element('g', { class: 'frames' });
  private readonly edges = element('g', { class: 'edges' });
  private readonly cards = element('g', { class: 'cards' });
  private readonly drawn = new Map<string, Drawn>();

  constructor(layer: SVGGElement) {
    layer.append(this.frames, this.edges, this.cards);
  }

  show({ scene, layout, sizes }: Picture, describe: (card: number) => string): void {
    const kept = new Set<string>();
    const put = (group: SVGElement, key: string, signature: string, make: () => SVGElement): void => {
      const name = this.drawn.has(key) && kept.has(key) ? `${key} again` : key;
      const before = this.drawn.get(name);
      kept.add(name);
      if (before?.signature === signature) {
        return;
      }
      const made = make();
      if (before === undefined) {
        group.append(made);
      } else {
        before.element.replaceWith(made);
      }
      this.drawn.set(name, { element: made, signature });
    };
    scene.frames.forEach((frame, at) => {
      const box = layout.frames[at];
      if (box !== undefined) {
        put(this.frames, `f:${frame.cluster.key}`, `${box.join()} ${frame.cluster.title} ${depthOf(scene, at)}`, () =>
          frameElement(frame, box, depthOf(scene, at)),
        );
      }
    });
    scene.edges.forEach((edge, at) => {
      const d = layout.edges[at];
      const ends = [entry(scene.cards, edge.from), entry(scene.cards, edge.to)] as const;
      if (d !== undefined && d !== '') {
        put(this.edges, `e:${ends[0].key} ${ends[1].key}`, `${d} ${edge.mark ?? ''}`, () => edgeElement(edge, ends, d));
      }
    });
    scene.cards.forEach((card, at) => {
      const position = layout.cards[at];
      const size = sizes[at];
      if (position !== undefined && size !== undefined) {
        const label = describe(at);
        const looks = [card.title, card.detail, card.shape, card.family, card.mark, card.errors, card.warnings, card.isOutput];
        const signature = JSON.stringify([position, size, looks, label, at]);
        put(this.cards, card.key, signature, () => cardElement(card, at, position, size, label));
      }
    });
    for (const [key, { element: old }] of this.drawn) {
      if (!kept.has(key)) {
        old.remove();
        this.drawn.delete(key);
      }
    }
  }

  card(key: string): SVGElement | undefined {
    return this.drawn.get(key)?.element;
  }
}

function depthOf(scene: Scene, frame: number): number {
  let depth = 0;
  for (let at = frame; at >= 0; at = entry(scene.frames, at).parent) {
    depth += 1;
  }
  return depth;
}

function frameElement(frame: Frame, box: readonly [number, number, number, number], depth: number): SVGElement {
  const [x, y, width, height] = box;
  const { key, title } = frame.cluster;
  return element(
    'g',
    { class: `frame${depth % 2 === 0 ? ' even' : ''}`, 'data-key': key },
    element('rect', { x, y, width, height, rx: 10 }),
    element(
      'g',
      { class: 'toggle', 'data-toggle': key, role: 'button', 'aria-label': `collapse ${title}` },
      element('rect', { class: 'hit', x: x + 4, y: y + 3, width: Math.min(width - 8, 230), height: 20, rx: 5 }),
      element('path', { class: 'chevron', d: `M${x + 11} ${y + 11}l4 4l4 -4` }),
      element('text', { x: x + 25, y: y + 17 }, cut(title)),
    ),
  );
}

function edgeElement(edge: Edge, [from, to]: readonly [Card, Card], d: string): SVGElement {
  const names = `edge${edge.mark === undefined ? '' : ` ${edge.mark}`}`;
  return element('path', { class: names, d, 'data-from': from.key, 'data-to': to.key, 'marker-end': 'url(#tip)' });
}

function cardElement(card: Card, at: number, [cx, cy]: readonly [number, number], size: Size, label: string): SVGElement {
  const { width, height } = size;
  const x = cx - width / 2;
  const y = cy - height / 2;
  const names = ['card', card.node ? card.node.role : 'cluster', card.mark ?? ''];
  names.push(card.isOutput ? 'output' : '', card.errors > 0 ? 'error' : card.warnings > 0 ? 'warning' : '');
  const made = element('g', {
    class: names.filter(Boolean).join(' '),
    id: `card-${at}`,
    'data-card': at,
    role: 'button',
    'aria-label': label,
    transform: `translate(${x} ${y})`,
  });
  if (card.family !== '') {
    made.style.setProperty('--tint', `var(--family-${card.family})`);
  }
  made.append(element('title', {}, label));
  if (card.cluster !== undefined) {
    made.append(element('rect', { class: 'back', x: 5, y: 5, width, height, rx: 7 }));
  }
  made.append(element('rect', { class: 'body', width, height, rx: 7 }));
  if (card.node !== undefined) {
    made.append(element('path', { class: 'stripe', d: `M7 0H5.5A5.5 6.5 0 0 0 0 7V${height - 7}A5.5 6.5 0 0 0 5.5 ${height}H7Z` }));
  }
  const base = linesOf(card) === 1 ? height / 2 + 4.5 : 20;
  if (card.cluster !== undefined) {
    made.append(
      element(
        'g',
        { class: 'toggle', 'data-toggle': card.cluster.key, role: 'button', 'aria-label': `expand ${card.title}` },
        element('rect', { class: 'hit', x: 3, y: 3, width: 22, height: height - 6, rx: 5 }),
        element('path', { class: 'chevron', d: `M12 ${height / 2 - 4}l4 4l-4 4` }),
      ),
    );
  }
  made.append(element('text', { class: 'title', x: card.cluster ? 28 : 16, y: base }, cut(card.title)));
  if (card.node !== undefined) {
    made.append(element('text', { class: 'id', x: width - 10, y: base }, card.node.id));
  }
  if (card.detail !== '') {
    made.append(element('text', { class: 'detail', x: card.cluster ? 28 : 16, y: 37 }, cut(card.detail)));
  }
  if (card.shape !== '') {
    made.append(element('text', { class: 'shape', x: width / 2 + 7, y: height + 14 }, cut(card.shape)));
  }
  if (card.errors + card.warnings > 0) {
    const count = card.errors > 0 ? card.errors : card.warnings;
    made.append(
      element('g', { class: 'badge' }, element('circle', { cx: width - 2, cy: 2, r: 9 }), element('text', { x: width - 2, y: 6 }, count > 9 ? '9+' : `${count}`)),
    );
  }
  return made;
}
