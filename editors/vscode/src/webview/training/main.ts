// The page of a training: its curve as it grows, how far it is, and what can be done with it.
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { after, withSeen, type FromPage, type ToPage, type Training } from '../../training/messages';
import { host } from '../host';
import { Chart } from './chart';
import { columnsOf, duration, metricsOf, shortNumber, spoken, stateText, thinned } from './series';

const editor = host<Training>();
const SPOKEN_EVERY_MS = 5000;
const ROWS = 20;

let training: Training | undefined = editor.getState();
let logarithmic: boolean | undefined;
let metric = '';
let lastSpoken = 0;
let isDrawing = false;

function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function button(title: string, kind: FromPage['kind'], secondary = false): HTMLButtonElement {
  const made = element('button', secondary ? { class: 'secondary' } : {}, title);
  made.addEventListener('click', () => editor.postMessage({ kind } satisfies FromPage));
  return made;
}

const title = element('h1');
const state = element('span', { class: 'state' });
const bar = element('progress', { max: '100', 'aria-label': 'Part of the steps that is done' });
const facts = element('dl');
const note = element('p', { class: 'note' });
const buttons = {
  stop: button('Stop', 'stop'),
  resume: button('Resume', 'resume'),
  use: button('Use These Parameters', 'use'),
  train: button('Train…', 'train', true),
  checkpoint: button('Show Checkpoint', 'checkpoint', true),
};
const loss = element('div', { class: 'chart', role: 'img' });
const measured = element('div', { class: 'chart', role: 'img' });
const choice = element('select', { 'aria-label': 'Metric' });
const scale = element('select', { 'aria-label': 'Scale of the loss' });
const over = element('div', { class: 'heading' }, element('h2', {}, 'Loss'), scale);
const heading = element('div', { class: 'heading' }, element('h2', {}, 'Metric'), choice);
const live = element('p', { class: 'spoken', 'aria-live': 'polite' });
const table = element('table');
const values = element('details', {}, element('summary', {}, 'Values'), table);

const charts = { loss: new Chart(loss, 'training'), measured: new Chart(measured, 'training') };

function build(): void {
  for (const [value, text] of [['', 'automatic'], ['linear', 'linear'], ['log', 'logarithmic']] as const) {
    scale.append(element('option', { value }, text));
  }
  scale.addEventListener('change', () => {
    logarithmic = scale.value === '' ? undefined : scale.value === 'log';
    draw();
  });
  choice.addEventListener('change', () => {
    metric = choice.value;
    draw();
  });
  const head = element('header', {}, title, state, element('div', { class: 'buttons' }, ...Object.values(buttons)));
  document.body.append(head, bar, facts, note, over, loss, heading, measured, values, live);
  new ResizeObserver(later).observe(document.body);
  // A theme changes the variables of the root and the class of the body.
  const watch = new MutationObserver(later);
  watch.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
  watch.observe(document.body, { attributes: true, attributeFilter: ['class'] });
  values.addEventListener('toggle', later);
}

/** Once for all that comes before the next picture. */
function later(): void {
  if (!isDrawing) {
    isDrawing = true;
    requestAnimationFrame(() => {
      isDrawing = false;
      draw();
    });
  }
}

function draw(): void {
  title.textContent = training?.name ?? 'Training';
  if (training === undefined) {
    return;
  }
  state.textContent = stateText(training);
  state.dataset.how = training.running ? 'running' : (training.how ?? '');
  drawButtons(training);
  drawFacts(training);
  const columns = columnsOf(training, 'loss');
  over.hidden = loss.hidden = values.hidden = columns.steps.length === 0;
  if (columns.steps.length > 0) {
    charts.loss.draw(columns, logarithmic);
  }
  loss.setAttribute('aria-label', `Curve of the loss. ${spoken(training)}`);
  const names = metricsOf(training.points);
  heading.hidden = measured.hidden = names.length === 0;
  if (names.length > 0) {
    metric = names.includes(metric) ? metric : (names[0] ?? '');
    if ([...choice.options].map(({ value }) => value).join() !== names.join()) {
      choice.replaceChildren(...names.map((name) => element('option', { value: name }, name)));
    }
    choice.value = metric;
    charts.measured.draw(columnsOf(training, metric), false);
    measured.setAttribute('aria-label', `Curve of ${metric}`);
  }
  if (values.open) {
    drawValues(training);
  }
}

function drawButtons({ running, resume, trained, checkpoint }: Training): void {
  buttons.stop.hidden = !running;
  buttons.resume.hidden = running || !resume;
  buttons.use.hidden = running || !trained;
  buttons.train.hidden = running;
  buttons.checkpoint.hidden = (running ? checkpoint : (resume ?? undefined)) === undefined;
  if (resume) {
    buttons.resume.title = `Goes on at step ${resume.step} of ${resume.steps}`;
  }
}

function drawFacts(training: Training): void {
  const { points, running, steps, steps_per_second: speed, seconds_left: left, device, checkpoint, resume, trained } = training;
  const last = points.at(-1);
  const kept = running ? checkpoint : resume;
  const validation = points.findLast((point) => point.val_loss !== undefined)?.val_loss;
  const shown: [string, string | undefined][] = [
    ['Step', last && `${last.step.toLocaleString('en')}${steps === undefined ? '' : ` of ${steps.toLocaleString('en')}`}`],
    ['Loss', last && shortNumber(last.loss)],
    ['Validation', validation === undefined ? undefined : shortNumber(validation)],
    ['Steps per second', speed === undefined ? undefined : shortNumber(speed)],
    ['Time left', running && left !== undefined ? duration(left) : undefined],
    ['Device', device],
    ['Checkpoint', kept ? `${kept.name}, step ${kept.step.toLocaleString('en')}` : undefined],
    ['Trained parameters', trained && !running ? trained.name : undefined],
  ];
  facts.replaceChildren(
    ...shown.flatMap(([name, value]) =>
      value ? [element('div', {}, element('dt', {}, name), element('dd', {}, value))] : [],
    ),
  );
  bar.value = steps === undefined || last === undefined ? 0 : (100 * last.step) / steps;
  bar.hidden = steps === undefined;
  note.textContent = training.how === 'failed' ? (training.message ?? '') : '';
  note.hidden = note.textContent === '';
}

function drawValues({ points }: Training): void {
  const names = [...new Set(points.flatMap(Object.keys))];
  const rows = thinned(points, ROWS).map((point) =>
    element('tr', {}, ...names.map((name) => element('td', {}, point[name] === undefined ? '' : name === 'step' ? String(point.step) : shortNumber(point[name])))),
  );
  table.replaceChildren(
    element('thead', {}, element('tr', {}, ...names.map((name) => element('th', { scope: 'col' }, name.replace('val_', 'validation '))))),
    element('tbody', {}, ...rows),
  );
}

function speak(): void {
  const now = Date.now();
  if (training !== undefined && (!training.running || now - lastSpoken >= SPOKEN_EVERY_MS)) {
    lastSpoken = now;
    live.textContent = spoken(training);
  }
}

/** What the server knows, with what was seen here of a run of an earlier session. */
function seen(now: Training): Training {
  return now.run === null ? withSeen(now, training) : now;
}

window.addEventListener('message', ({ data }: MessageEvent<ToPage>) => {
  training = data.kind === 'state' ? seen(data.training) : after(training, data.told);
  if (training !== undefined) {
    editor.setState({ ...training, points: thinned(training.points), previous: thinned(training.previous) });
  }
  speak();
  later();
});

build();
draw();
editor.postMessage({ kind: 'ready' } satisfies FromPage);
