// A chart over steps: training, validation, and faint the run before.
import uPlot from 'uplot';
import { isWide, shortNumber, type Columns } from './series';

const HEIGHT = 260;

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
    const shown = columns.values.map((values) => values.some((value) => value !== null));
    const made = JSON.stringify([log, shown, this.place.clientWidth, colors()]);
    const data = [columns.steps, ...columns.values] as uPlot.AlignedData;
    if (made === this.made && this.plot !== undefined) {
      this.plot.setData(data);
      this.tellLast(columns);
      return;
    }
    this.plot?.destroy();
    this.made = made;
    this.plot = new uPlot(this.options(log, shown), data, this.place);
    this.tellLast(columns);
  }

  /** While no place is pointed at, the legend has the last values. */
  private tellLast({ steps, values }: Columns): void {
    if (this.plot !== undefined && (this.plot.cursor.left ?? -1) < 0) {
      const last = values[0]?.findLastIndex((value) => value !== null) ?? -1;
      this.plot.setLegend({ idx: last < 0 ? steps.length - 1 : last }, false);
    }
  }

  private options(log: boolean, shown: readonly boolean[]): uPlot.Options {
    const { text, grid, training, validation } = colors();
    const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: font() };
    const value = (_: uPlot, raw: number | null): string => (raw === null ? '–' : shortNumber(raw));
    const line = { width: 2, spanGaps: true, value };
    const series: uPlot.Series[] = [
      { label: 'step', value: (_, raw) => (raw === null ? '–' : String(raw)) },
      { ...line, label: this.name, stroke: training, show: shown[0] ?? true },
      { ...line, label: 'validation', stroke: validation, dash: [6, 3], show: shown[1] ?? false },
      { ...line, label: 'last run', stroke: training, alpha: 0.35, width: 1.5, show: shown[2] ?? false },
    ];
    // Those without a value have no place in the legend either.
    const present = series.map((one, index) => (index === 0 || shown[index - 1] ? one : { ...one, class: 'absent' }));
    return {
      width: this.place.clientWidth,
      height: HEIGHT,
      cursor: { sync: { key: 'training' }, drag: { x: true, y: false } },
      scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
      axes: [
        { ...axis, values: (_, splits) => splits.map((split) => (Number.isInteger(split) ? String(split) : '')) },
        { ...axis, size: 64, values: (_, splits) => splits.map((split) => (split === null ? '' : shortNumber(split))) },
      ],
      series: present,
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
