// The page: takes the model, shows what is open of it, and keeps the place while the graph changes under it.
import type { FromPage, GraphModel, NodeDetails, Source, ToPage } from '../../graph/protocol';
import type { Host } from '../host';
import { dotOf } from './dot';
import { Drawing } from './draw';
import { toPng, toSvg } from './export';
import { byId } from './html';
import { Layouter } from './layouter';
import { painted } from './marks';
import { sizesOf, titleWidths } from './measure';
import { Minimap } from './minimap';
import { Panel } from './panel';
import type { Picture } from './picture';
import { isAlike, familyColors, followed, openedWithin, pathTo, sceneOf, type Card } from './scene';
import { search } from './search';
import { Viewport, type View } from './viewport';
import { walk, type Direction } from './walk';
import { counted, describer } from './words';

/** What outlives the page. */
export interface State {
  readonly source: Source;
  readonly toggled: readonly (readonly [string, boolean])[];
  readonly selected?: string;
  readonly view?: View;
  readonly panel: boolean;
}

/** Cards that are drawn at most; more are read by nobody. */
const MAX_CARDS = 1_500;

export class App {
  private readonly stage = byId('stage', SVGSVGElement);
  private readonly viewport: Viewport;
  private readonly drawing: Drawing;
  private readonly minimap: Minimap;
  private readonly panel: Panel;
  private readonly layouter = new Layouter(document.body.dataset.layout ?? '');
  private readonly live = byId('live', HTMLElement);
  private readonly message = byId('message', HTMLElement);

  private source: Source | undefined;
  private model: GraphModel | undefined;
  private picture: Picture | undefined;
  private details: NodeDetails | undefined;
  /** What the model proposes to open. */
  private proposed = new Set<string>();
  /** What the user opened and closed, against what the model proposes. */
  private toggled = new Map<string, boolean>();
  /** Opened to show the node of the cursor, and closed again when it is elsewhere. */
  private forCursor = new Set<string>();
  /** The selected card is that of this node. */
  private selected: number | undefined;
  private wanted: State | undefined;
  /** What there is to say of the file. */
  private note = '';
  private found: number[] = [];
  private foundAt = -1;

  constructor(private readonly host: Host<State>) {
    const layer = byId('layer', SVGGElement);
    this.drawing = new Drawing(layer);
    this.viewport = new Viewport(this.stage, layer, () => {
      this.minimap.update();
      this.save();
    });
    this.minimap = new Minimap(byId('minimap', HTMLCanvasElement), this.viewport);
    this.panel = new Panel(byId('panel', HTMLElement), {
      select: (place) => this.run(this.selectNode(place, true)),
      openJson: (place) => this.post({ type: 'open', node: place, focus: true }),
      openOrigin: (place) => this.post({ type: 'origin', node: place }),
      toggle: (key) => this.run(this.toggle(key)),
    });
    this.wanted = host.getState();
    this.toggled = new Map(this.wanted?.toggled);
    document.body.classList.toggle('no-panel', this.wanted === undefined ? innerWidth < 640 : !this.wanted.panel);
  }

  post(message: FromPage): void {
    this.host.postMessage(message);
  }

  async receive(message: ToPage): Promise<void> {
    if (message.type === 'model') {
      await this.take(message.source, message.model, message.note);
    } else if (message.type === 'reveal') {
      const [place] = message.nodes;
      if (place !== undefined) {
        await this.selectNode(place, true, true);
      }
    } else if (message.type === 'details') {
      this.details = message.details;
      if (this.model !== undefined && this.selected === message.node) {
        this.panel.showNode(this.model, message.node, message.details);
      }
    } else {
      this.fail(message.message);
    }
  }

  /** Nothing goes wrong in silence: the page says it. */
  run(work: Promise<void>): void {
    work.catch((error: unknown) => this.fail(error instanceof Error ? error.message : String(error)));
  }

  fail(text: string): void {
    this.message.textContent = text;
    this.message.hidden = text === '';
  }

  /** A new version of the graph. */
  private async take(source: Source, model: GraphModel, note: string): Promise<void> {
    const begin = performance.now();
    const before = this.model;
    this.source = source;
    this.model = model;
    this.note = note;
    this.proposed = new Set(model.opened);
    this.details = undefined;
    if (before !== undefined && this.selected !== undefined) {
      this.selected = followed(before, model, this.selected);
    } else if (this.wanted?.selected !== undefined) {
      const place = model.nodes.findIndex(({ id }) => id === this.wanted?.selected);
      this.selected = place < 0 ? undefined : place;
    }
    const isFirst = this.picture === undefined; // a version before may not have been drawn
    let isShown = false;
    await this.refresh(before, undefined, () => {
      if (!isShown) {
        isShown = true;
        painted(isFirst ? 'first' : 'edit', isFirst ? 0 : begin);
      }
    });
  }

  private isOpen(key: string): boolean {
    return this.toggled.get(key) ?? (this.forCursor.has(key) || this.proposed.has(key));
  }

  /** Draws what is laid out. */
  private show(picture: Picture, shown?: () => void): void {
    this.picture = picture;
    this.drawing.show(picture, describer(picture.scene));
    this.tint();
    shown?.();
    // Asking for a style has it computed for all cards: the map is drawn when they are on the screen.
    requestAnimationFrame(() => setTimeout(() => this.colors()));
  }

  /**
   * Lays out and draws what is open now. What the user looks at stays where it is.
   * @param shown Called whenever something was drawn: where nothing came or went, that is done at once, at the old places.
   */
  private async refresh(before?: GraphModel, anchor = this.anchor(), shown?: () => void): Promise<void> {
    const { model } = this;
    if (model === undefined) {
      return;
    }
    const scene = sceneOf(model, (key) => this.isOpen(key));
    const sizes = sizesOf(scene);
    if (this.picture !== undefined && isAlike(this.picture.scene, scene)) {
      this.show({ scene, layout: this.picture.layout, sizes }, shown);
    }
    let layout;
    try {
      layout = await this.layouter.layout(dotOf(scene, sizes, titleWidths(scene)));
    } catch (error) {
      this.fail(`The graph cannot be laid out: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    if (layout === undefined) {
      return; // something newer is on its way
    }
    this.fail(model.nodes.length === 0 ? 'No node can be read; there is nothing to draw.' : this.note);
    const first = this.picture === undefined;
    this.show({ scene, layout, sizes }, shown);
    if (first) {
      if (this.wanted?.view === undefined) {
        this.viewport.start(layout.width, layout.height);
        const marked = scene.cards.findIndex(({ mark }) => mark !== undefined);
        if (marked >= 0) {
          this.revealCard(marked);
        }
      } else {
        this.viewport.set(this.wanted.view);
      }
      this.wanted = undefined;
    } else if (anchor !== undefined) {
      const place = before === undefined ? anchor.place : followed(before, model, anchor.place);
      const [x, y] = layout.cards[scene.cardOf[place] ?? 0] ?? [0, 0];
      const { scale } = this.viewport.view;
      this.viewport.set({ scale, x: anchor.x - x * scale, y: anchor.y - y * scale });
    }
    this.find(byId('search', HTMLInputElement).value);
    this.showSelection();
    this.save();
  }

  /** The node that stays where it is: the selected one where it is seen, else the one next to the middle. */
  private anchor(): { place: number; x: number; y: number } | undefined {
    const { picture } = this;
    if (picture === undefined) {
      return undefined;
    }
    const { view, size } = this.viewport;
    const on = (card: number): [number, number] => {
      const [x, y] = picture.layout.cards[card] ?? [0, 0];
      return [x * view.scale + view.x, y * view.scale + view.y];
    };
    const chosen = this.selectedCard();
    if (chosen !== undefined && this.selected !== undefined) {
      const [x, y] = on(chosen);
      if (x >= 0 && y >= 0 && x <= size.width && y <= size.height) {
        return { place: this.selected, x, y };
      }
    }
    let best = { card: 0, distance: Infinity };
    picture.scene.cards.forEach((_, card) => {
      const [x, y] = on(card);
      const distance = Math.hypot(x - size.width / 2, y - size.height / 2);
      best = distance < best.distance ? { card, distance } : best;
    });
    const [x, y] = on(best.card);
    return { place: picture.scene.cards[best.card]?.first ?? 0, x, y };
  }

  private selectedCard(): number | undefined {
    return this.selected === undefined ? undefined : this.picture?.scene.cardOf[this.selected];
  }

  /** The families' colours follow the theme: whether it is dark, its colours tell. */
  private tint(): Map<string, string> {
    const kind = document.body.dataset.vscodeThemeKind ?? '';
    const isDark = kind.includes('dark') || kind === 'vscode-high-contrast';
    const colors = familyColors(this.model?.families ?? [], isDark);
    for (const [slug, color] of colors) {
      document.body.style.setProperty(`--family-${slug}`, color);
    }
    return colors;
  }

  /** Colours cards and the small map as the theme has it. */
  colors(): void {
    const { picture } = this;
    if (picture === undefined) {
      return;
    }
    const colors = this.tint();
    const style = getComputedStyle(document.body);
    const plain = style.getPropertyValue('--card-line').trim();
    const error = style.getPropertyValue('--error').trim();
    this.minimap.show(
      picture,
      (at) => {
        const card = picture.scene.cards[at];
        if (card?.mark !== undefined) {
          return style.getPropertyValue(`--${card.mark}`).trim();
        }
        return card !== undefined && card.errors > 0 ? error : (colors.get(card?.family ?? '') ?? plain);
      },
      style.getPropertyValue('--frame-fill').trim(),
    );
  }

  // -- selecting ------------------------------------------------------------------------------------------------

  /** Selects a node; what is closed around it is opened where the cursor did not ask, or where it is a search. */
  async selectNode(place: number, reveal: boolean, forCursor = false): Promise<void> {
    const { model } = this;
    if (model?.nodes[place] === undefined) {
      return;
    }
    const around = pathTo(model, place).map(({ key }) => key);
    const closed = around.filter((key) => !this.isOpen(key));
    const anchor = this.anchor();
    this.selected = place;
    if (closed.length > 0 || forCursor) {
      const before = [...this.forCursor];
      this.forCursor = new Set(forCursor ? around : [...before, ...around]);
      around.forEach((key) => this.toggled.get(key) === false && this.toggled.delete(key));
      if (closed.length > 0 || before.some((key) => !this.forCursor.has(key))) {
        await this.refresh(undefined, anchor);
      }
    }
    this.showSelection();
    if (reveal) {
      this.revealSelection();
    }
  }

  /** Selects a card by a click or a key. */
  selectCard(at: number, reveal: boolean): void {
    const card = this.picture?.scene.cards[at];
    if (card !== undefined) {
      this.selected = card.first;
      this.showSelection();
      if (reveal) {
        this.revealSelection();
      }
    }
  }

  clearSelection(): void {
    this.selected = undefined;
    this.showSelection();
  }

  private revealSelection(): void {
    const at = this.selectedCard();
    if (at !== undefined) {
      this.revealCard(at);
    }
  }

  private revealCard(at: number): void {
    const [x, y] = this.picture?.layout.cards[at] ?? [];
    const size = this.picture?.sizes[at];
    if (x !== undefined && y !== undefined && size !== undefined) {
      this.viewport.reveal(x - size.width / 2, y - size.height / 2, size.width, size.height + 16);
    }
  }

  private showSelection(): void {
    const { model, picture } = this;
    if (model === undefined || picture === undefined) {
      return;
    }
    this.stage.querySelectorAll('.selected, .near').forEach((one) => one.classList.remove('selected', 'near'));
    const at = this.selectedCard();
    const card = at === undefined ? undefined : picture.scene.cards[at];
    if (at === undefined || card === undefined || this.selected === undefined) {
      this.stage.removeAttribute('aria-activedescendant');
      this.panel.showGraph(model);
      this.save();
      return;
    }
    const drawn = this.drawing.card(card.key);
    drawn?.classList.add('selected');
    this.stage.setAttribute('aria-activedescendant', `card-${at}`);
    const key = CSS.escape(card.key);
    this.stage.querySelectorAll(`.edge[data-from="${key}"], .edge[data-to="${key}"]`).forEach((one) => one.classList.add('near'));
    this.live.textContent = drawn?.getAttribute('aria-label') ?? '';
    if (card.cluster !== undefined) {
      this.panel.showCluster(model, card);
    } else {
      const index = card.node?.index;
      this.panel.showNode(model, this.selected, this.details?.index === index ? this.details : undefined);
      if (this.details?.index !== index && card.node?.mark !== 'removed') {
        this.post({ type: 'details', node: this.selected });
      }
    }
    this.save();
  }

  /** Moves the selection along an edge, or to what stands beside. */
  step(direction: Direction): void {
    const { picture } = this;
    if (picture === undefined) {
      return;
    }
    const from = this.selectedCard();
    const to = from === undefined ? 0 : walk(picture, from, direction);
    if (to !== undefined) {
      this.selectCard(to, true);
    }
  }

  /** What Enter does, and a double click: a node's JSON, or what is in a cluster. */
  enter(): void {
    const at = this.selectedCard();
    const card = at === undefined ? undefined : this.picture?.scene.cards[at];
    if (card?.cluster !== undefined) {
      this.run(this.toggle(card.cluster.key));
    } else if (card?.node !== undefined) {
      this.post({ type: 'open', node: card.first, focus: true });
    }
  }

  click(at: number): void {
    this.selectCard(at, false);
    const card = this.picture?.scene.cards[at];
    if (card?.node !== undefined && card.node.mark !== 'removed') {
      this.post({ type: 'open', node: card.first, focus: false });
    }
  }

  // -- opening --------------------------------------------------------------------------------------------------

  async toggle(key: string): Promise<void> {
    const { model } = this;
    const cluster = model?.clusters.find((one) => one.key === key);
    if (model === undefined || cluster === undefined) {
      return;
    }
    const begin = performance.now();
    const isOpen = this.isOpen(key);
    this.forCursor.delete(key);
    this.toggled.set(key, !isOpen);
    if (!isOpen && sceneOf(model, (one) => this.isOpen(one)).cards.length > MAX_CARDS) {
      this.toggled.set(key, false);
      this.say(`More than ${counted(MAX_CARDS, 'node')} cannot be shown at once; close some first.`);
      return;
    }
    const anchor = this.anchor();
    const inside = this.selected !== undefined && cluster.first <= this.selected && this.selected <= cluster.last;
    await this.refresh(undefined, inside || anchor === undefined ? anchor : this.anchorAt(cluster.first) ?? anchor);
    this.say(`${cluster.title} ${isOpen ? 'closed' : 'opened'}`);
    painted('toggle', begin);
  }

  private anchorAt(place: number): { place: number; x: number; y: number } | undefined {
    const card = this.picture?.scene.cardOf[place];
    const [x, y] = (card === undefined ? undefined : this.picture?.layout.cards[card]) ?? [];
    const { view } = this.viewport;
    return x === undefined || y === undefined ? undefined : { place, x: x * view.scale + view.x, y: y * view.scale + view.y };
  }

  /** Closes the cluster around the selection. */
  async closeAround(): Promise<void> {
    const { model, selected } = this;
    if (model === undefined || selected === undefined) {
      return;
    }
    const around = pathTo(model, selected).filter(({ key }) => this.isOpen(key));
    const cluster = around.at(-1);
    if (cluster !== undefined) {
      await this.toggle(cluster.key);
    }
  }

  async openAll(open: boolean): Promise<void> {
    const { model } = this;
    if (model === undefined) {
      return;
    }
    const begin = performance.now();
    const opened = open ? openedWithin(model, MAX_CARDS) : new Set<string>();
    this.forCursor.clear();
    this.toggled = new Map(model.clusters.map(({ key }) => [key, opened.has(key)]));
    await this.refresh();
    if (this.picture !== undefined) {
      this.viewport.start(this.picture.layout.width, this.picture.layout.height);
    }
    const closed = model.clusters.length - opened.size;
    this.say(open && closed > 0 ? `Opened as far as ${counted(MAX_CARDS, 'node')} go.` : open ? 'All opened.' : 'All closed.');
    painted('all', begin);
  }

  // -- searching ------------------------------------------------------------------------------------------------

  find(question: string): void {
    const { model, picture } = this;
    if (model === undefined || picture === undefined) {
      return;
    }
    this.found = search(model, question);
    this.foundAt = -1;
    this.stage.querySelectorAll('.found').forEach((one) => one.classList.remove('found'));
    this.stage.classList.toggle('searching', question.trim() !== '');
    for (const at of new Set(this.found.map((place) => picture.scene.cardOf[place] ?? 0))) {
      const card: Card | undefined = picture.scene.cards[at];
      if (card !== undefined) {
        this.drawing.card(card.key)?.classList.add('found');
      }
    }
    byId('matches', HTMLElement).textContent = question.trim() === '' ? '' : counted(this.found.length, 'match').replace('matchs', 'matches');
  }

  async findNext(step: 1 | -1): Promise<void> {
    const count = this.found.length;
    if (count === 0) {
      return;
    }
    const { found } = this;
    const next = (this.foundAt + step + count) % count;
    await this.selectNode(found[next] ?? 0, true);
    this.foundAt = next;
    byId('matches', HTMLElement).textContent = `${next + 1} of ${count.toLocaleString('en')}`;
  }

  // -- the rest -------------------------------------------------------------------------------------------------

  fit(): void {
    if (this.picture !== undefined) {
      this.viewport.fit(this.picture.layout.width, this.picture.layout.height);
    }
  }

  zoom(factor: number): void {
    this.viewport.zoomBy(factor);
  }

  get dragged(): boolean {
    return this.viewport.dragged;
  }

  togglePanel(): void {
    document.body.classList.toggle('no-panel');
    this.revealSelection(); // there is less room for it, or more
    this.save();
    this.minimap.update();
  }

  async export(format: 'svg' | 'png'): Promise<void> {
    if (this.picture === undefined) {
      return;
    }
    const { width, height } = this.picture.layout;
    const svg = toSvg(this.stage, width, height);
    this.post({ type: 'save', format, data: format === 'svg' ? svg : await toPng(svg, width, height) });
  }

  resized(): void {
    this.minimap.update();
  }

  private say(text: string): void {
    this.live.textContent = text;
  }

  private save(): void {
    const { source, model, picture } = this;
    if (source !== undefined && picture !== undefined) {
      const selected = this.selected === undefined ? undefined : model?.nodes[this.selected]?.id;
      this.host.setState({
        source,
        toggled: [...this.toggled],
        view: this.viewport.view,
        panel: !document.body.classList.contains('no-panel'),
        ...(selected === undefined ? {} : { selected }),
      });
    }
  }
}
