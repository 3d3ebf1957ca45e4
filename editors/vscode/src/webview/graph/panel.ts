// The panel beside the picture: what there is to know of the selected node, cluster, or of the whole graph.
import type { Finding, GraphModel, NodeDetails } from '../../graph/protocol';
import { make } from './html';
import type { Card } from './scene';
import { counted } from './words';

export interface PanelActions {
  select(place: number): void;
  openJson(place: number): void;
  openOrigin(place: number): void;
  toggle(key: string): void;
}

const MAX_LISTED = 100;

export class Panel {
  constructor(
    private readonly root: HTMLElement,
    private readonly actions: PanelActions,
  ) {}

  /** The whole graph: size, families, findings. */
  showGraph(model: GraphModel): void {
    const counts = new Map<string, number>();
    for (const { family } of model.nodes) {
      counts.set(family, (counts.get(family) ?? 0) + 1);
    }
    const legend = make('ul', { class: 'legend' });
    for (const { name, slug } of model.families) {
      const count = counts.get(slug);
      if (count !== undefined) {
        legend.append(make('li', {}, familyDot(slug), make('span', {}, name), make('span', { class: 'count' }, count.toLocaleString('en'))));
      }
    }
    const marks = ['added', 'removed', 'changed', 'moved'] as const;
    const changes = make('ul', { class: 'legend' });
    for (const mark of marks) {
      const count = model.nodes.filter((node) => node.mark === mark).length;
      if (count > 0) {
        changes.append(make('li', {}, make('span', { class: `dot ${mark}` }), mark, make('span', { class: 'count' }, `${count}`)));
      }
    }
    const wrong = model.nodes.flatMap((node, place) => (node.findings ?? []).filter(isSerious).map((one) => ({ place, one })));
    const parts = [
      make('h2', {}, model.name),
      make('p', { class: 'dim' }, `${counted(model.nodes.length, 'node')}, ${model.dialect} dialect`),
      make('h3', {}, 'Kinds'),
      legend,
    ];
    if (changes.children.length > 0) {
      parts.push(make('h3', {}, 'Changes'), changes);
    }
    if (wrong.length + model.findings.length > 0) {
      const list = make('ul', { class: 'findings' });
      list.append(...model.findings.map((one) => make('li', { class: one.severity }, finding(one))));
      for (const { place, one } of wrong.slice(0, MAX_LISTED)) {
        const node = model.nodes[place];
        list.append(make('li', { class: one.severity }, this.link(place, `${node?.kind ?? ''} ${node?.id ?? ''}`), ' ', finding(one)));
      }
      if (wrong.length > MAX_LISTED) {
        list.append(make('li', { class: 'dim' }, `and ${wrong.length - MAX_LISTED} more`));
      }
      parts.push(make('h3', {}, 'Findings'), list);
    }
    this.root.replaceChildren(...parts);
  }

  /** A closed cluster. */
  showCluster(model: GraphModel, card: Card): void {
    const cluster = card.cluster;
    if (cluster === undefined) {
      return;
    }
    const kinds = new Map<string, number>();
    for (const { kind } of model.nodes.slice(cluster.first, cluster.last + 1)) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    const rows = [...kinds].sort(([, one], [, other]) => other - one).map(([kind, count]) => row(kind, `${count}`));
    const ends = [model.nodes[cluster.first], model.nodes[cluster.last]];
    const open = make('button', {}, 'Open');
    open.addEventListener('click', () => this.actions.toggle(cluster.key));
    const json = make('button', { class: 'secondary' }, 'Show in JSON');
    json.addEventListener('click', () => this.actions.openJson(cluster.first));
    this.root.replaceChildren(
      make('h2', {}, cluster.title),
      make('p', { class: 'dim' }, `nodes ${ends[0]?.id ?? ''} to ${ends[1]?.id ?? ''}`),
      make('div', { class: 'buttons' }, open, json),
      make('h3', {}, 'Kinds'),
      make('dl', {}, ...rows.flat()),
    );
  }

  /** One node: at first what the picture knows, then all. */
  showNode(model: GraphModel, place: number, details: NodeDetails | undefined): void {
    const node = model.nodes[place];
    if (node === undefined) {
      return;
    }
    const json = make('button', {}, 'Show in JSON');
    json.addEventListener('click', () => this.actions.openJson(place));
    const buttons = make('div', { class: 'buttons' }, json);
    if (node.origin !== undefined) {
      const python = make('button', { class: 'secondary' }, 'Show in Python');
      python.addEventListener('click', () => this.actions.openOrigin(place));
      buttons.append(python);
    }
    const head = [
      make('h2', {}, familyDot(node.family), node.kind, make('span', { class: 'id' }, node.id)),
      make('p', { class: 'shape' }, node.shape),
    ];
    const parts: HTMLElement[] = [...head];
    if (node.mark !== undefined) {
      parts.push(make('p', { class: `mark ${node.mark}` }, node.mark), ...(node.changes ?? []).map((change) => make('p', { class: 'change' }, change)));
    }
    if (node.mark !== 'removed') {
      parts.push(buttons);
    }
    const findings = details?.findings ?? node.findings ?? [];
    if (findings.length > 0) {
      parts.push(make('ul', { class: 'findings' }, ...findings.map((one) => make('li', { class: one.severity }, finding(one)))));
    }
    if (details !== undefined) {
      parts.push(...this.sections(model, details));
    }
    this.root.replaceChildren(...parts);
  }

  private sections(model: GraphModel, details: NodeDetails): HTMLElement[] {
    const parts: HTMLElement[] = [];
    if (details.summary !== '') {
      parts.push(make('p', {}, details.summary));
    }
    if (details.formula !== '') {
      parts.push(make('pre', {}, details.formula));
    }
    const facts = [
      ...(details.module === '' ? [] : row('module', details.module)),
      ...(details.target === '' ? [] : row('captured from', details.target)),
      ...details.fields.flatMap(([name, value]) => row(name, value)),
    ];
    if (facts.length > 0) {
      parts.push(make('h3', {}, 'Properties'), make('dl', {}, ...facts));
    }
    if (details.parameters.length > 0) {
      const rows = details.parameters.flatMap(({ name, shape, model: own, doc }) => row(own || name, shape, doc));
      parts.push(make('h3', {}, 'Parameters'), make('dl', {}, ...rows));
    }
    const places = new Map(model.nodes.map((node, place) => [node.mark === 'removed' ? -1 : node.index, place]));
    const lists = [
      ['Operands', details.operands, 0],
      ['Users', details.users, details.more_users],
    ] as const;
    for (const [title, found, more] of lists) {
      if (found.length > 0) {
        const items = found.map(({ index, id, kind, shape }) => {
          const place = places.get(index);
          const name = place === undefined ? `${kind} ${id}` : this.link(place, `${kind} ${id}`);
          return make('li', {}, name, make('span', { class: 'dim' }, shape));
        });
        const rest = more > 0 ? [make('li', { class: 'dim' }, `and ${more} more`)] : [];
        parts.push(make('h3', {}, title), make('ul', { class: 'neighbours' }, ...items, ...rest));
      }
    }
    return parts;
  }

  private link(place: number, text: string): HTMLElement {
    const made = make('a', { href: '#', role: 'button' }, text);
    made.addEventListener('click', (event) => {
      event.preventDefault();
      this.actions.select(place);
    });
    return made;
  }
}

function familyDot(family: string): HTMLElement {
  const dot = make('span', { class: 'dot' });
  dot.style.setProperty('--tint', `var(--family-${family})`);
  return dot;
}

function isSerious({ severity }: Finding): boolean {
  return severity === 'error' || severity === 'warning';
}

function finding({ code, message }: Finding): HTMLElement {
  return make('span', {}, make('b', {}, code), ` ${message}`);
}

function row(name: string, value: string, title?: string): HTMLElement[] {
  return [make('dt', { title }, name), make('dd', {}, value)];
}
