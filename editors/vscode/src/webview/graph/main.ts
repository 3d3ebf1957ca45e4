// Wires the page to the editor, to the mouse and to the keys.
import type { ToPage } from '../../graph/protocol';
import { host } from '../host';
import { App, type State } from './app';
import { byId } from './html';
import './style.css';

const STEP = 1.25;

const app = new App(host<State>());
const stage = byId('stage', SVGSVGElement);
const searchBox = byId('search', HTMLInputElement);

addEventListener('message', (event: MessageEvent<ToPage>) => app.run(app.receive(event.data)));
addEventListener('resize', () => app.resized());
new MutationObserver(() => app.colors()).observe(document.body, { attributeFilter: ['data-vscode-theme-id', 'data-vscode-theme-kind', 'class'] });

stage.addEventListener('click', (event) => {
  if (app.dragged || !(event.target instanceof Element)) {
    return;
  }
  const toggle = event.target.closest<SVGElement>('[data-toggle]')?.dataset.toggle;
  const card = event.target.closest<SVGElement>('[data-card]')?.dataset.card;
  if (toggle !== undefined) {
    app.run(app.toggle(toggle));
  } else if (card !== undefined) {
    app.click(Number(card));
  } else {
    app.clearSelection();
  }
});
stage.addEventListener('dblclick', (event) => {
  if (event.target instanceof Element && event.target.closest('[data-card]') && !event.target.closest('[data-toggle]')) {
    app.enter();
  }
});

const KEYS: Readonly<Record<string, () => void>> = {
  ArrowUp: () => app.step('up'),
  ArrowDown: () => app.step('down'),
  ArrowLeft: () => app.step('left'),
  ArrowRight: () => app.step('right'),
  Enter: () => app.enter(),
  ' ': () => app.enter(),
  Backspace: () => app.run(app.closeAround()),
  Escape: () => app.clearSelection(),
  '/': () => searchBox.focus(),
  '+': () => app.zoom(STEP),
  '=': () => app.zoom(STEP),
  '-': () => app.zoom(1 / STEP),
  '0': () => app.fit(),
};
stage.addEventListener('keydown', (event) => {
  const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : KEYS[event.key];
  if (act !== undefined) {
    event.preventDefault();
    act();
  }
});

searchBox.addEventListener('input', () => app.find(searchBox.value));
searchBox.addEventListener('keydown', (event) => {
  if (event.key === 'Enter') {
    app.run(app.findNext(event.shiftKey ? -1 : 1));
  } else if (event.key === 'Escape') {
    searchBox.value = '';
    app.find('');
    stage.focus();
  }
});

const BUTTONS: Readonly<Record<string, () => void>> = {
  'zoom-in': () => app.zoom(STEP),
  'zoom-out': () => app.zoom(1 / STEP),
  fit: () => app.fit(),
  'open-all': () => app.run(app.openAll(true)),
  'close-all': () => app.run(app.openAll(false)),
  svg: () => app.run(app.export('svg')),
  png: () => app.run(app.export('png')),
  details: () => app.togglePanel(),
};
for (const [id, act] of Object.entries(BUTTONS)) {
  byId(id, HTMLButtonElement).addEventListener('click', act);
}

app.post({ type: 'ready' });
