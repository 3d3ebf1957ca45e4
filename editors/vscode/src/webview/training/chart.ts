// A chart over steps: training, validation, and faint the run before.
import uPlot from 'uplot';
import { amountOf, isWide, shortNumber, type Amount, type Columns } from './series';

const HEIGHT = 260;

/* eslint-disable @typescript-eslint/no-unsafe-enum-assignment -- the library's names for these are in its types alone */
const LINEAR = 1 as uPlot.Scale.Distr;
const LOGARITHMIC = 3 as uPlot.Scale.Distr;
/* eslint-enable @typescript-eslint/no-unsafe-enum-assignment */

/** A number or, where there is none, a dash; the library's types do not say that there may be none. */
function shown(value: number | null): string {
  return value === null ? '–' : shortNumber(value);
}

/** Draws one quantity; made anew where its axis or the colours are others. */
export class Chart {
  private plot: uPlot | undefined;
  private made = '';

  constructor(
    private readonly place: HTMLElement,
    private readonly name: string,
  ) {}

  draw(columns: Columns, logarithmic: boolean | undefined): void {
    const log = logarithmic ?? isWide(columns);
    const amounts = columns.values.map(amountOf);
    const made = JSON.stringify([log, amounts, this.place.clientWidth, colors()]);
    const data = [columns.steps, ...columns.values] as uPlot.AlignedData;
    if (made === this.made && this.plot !== undefined) {
      this.plot.setData(data);
      this.tellLast(columns);
      return;
    }
    this.plot?.destroy();
    this.made = made;
    this.plot = new uPlot(this.options(log, amounts), data, this.place);
    this.tellLast(columns);
  }

  /** While no place is pointed at, the legend has the last values. */
  private tellLast({ steps, values }: Columns): void {
    if (this.plot !== undefined && (this.plot.cursor.left ?? -1) < 0) {
      const last = values[0]?.findLastIndex((value) => value !== null) ?? -1;
      this.plot.setLegend({ idx: last < 0 ? steps.length - 1 : last }, false);
    }
  }

  private options(log: boolean, [own = 'none', validation = 'none', last = 'none']: readonly Amount[]): uPlot.Options {
    const { text, grid, training, validation: other } = colors();
    const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: font() };
    const value = (_: uPlot, raw: number): string => shown(raw);
    const line = { width: 2, spanGaps: true, value };
    // A line of one value is none: it is a dot, also where so many steps are around it that dots are left out.
    const dots = (fill: string, amount: Amount): uPlot.Series.Points =>
      amount === 'one' ? { size: 9, fill, show: true } : { size: 4, fill };
    const series: uPlot.Series[] = [
      { label: 'step', value },
      { ...line, label: this.name, stroke: training, points: dots(training, own), show: own !== 'none' },
      { ...line, label: 'validation', stroke: other, points: dots(other, validation), dash: [6, 3], show: validation !== 'none' },
      { ...line, label: 'last run', class: 'last-run', stroke: training, points: last === 'one' ? dots(training, last) : { show: false }, alpha: 0.35, width: 1.5, show: last !== 'none' },
    ];
    // Those without a value have no place in the legend either.
    const told = series.map((one) => (one.show === false ? { ...one, class: 'absent' } : one));
    return {
      width: this.place.clientWidth,
      height: HEIGHT,
      cursor: { sync: { key: 'training' }, drag: { x: true, y: false } },
      scales: { x: { time: false }, y: { distr: log ? LOGARITHMIC : LINEAR } },
      axes: [
        { ...axis, values: (_, splits) => splits.map((split) => (Number.isInteger(split) ? String(split) : '')) },
        { ...axis, size: 64, values: (_, splits) => splits.map((split: number | null) => (split === null ? '' : shortNumber(split))) },
      ],
      series: told,
      legend: { live: true },
    };
  }
}

interface Colors {
  readonly text: string;
  readonly grid: string;
  readonly training: string;
  readonly validation: string;
}

/** The theme's: a canvas knows no variables. */
function colors(): Colors {
  const style = getComputedStyle(document.body);
  const of = (name: string, other: string): string => style.getPropertyValue(name).trim() || other;
  const text = of('--vscode-foreground', '#888888');
  return {
    text,
    grid: `color-mix(in srgb, ${text} ${of('--vscode-contrastBorder', '') === '' ? 14 : 45}%, transparent)`,
    training: of('--vscode-charts-blue', '#1a85ff'),
    validation: of('--vscode-charts-orange', '#d18616'),
  };
}

function font(): string {
  const style = getComputedStyle(document.body);
  return `11px ${style.fontFamily}`;
}
