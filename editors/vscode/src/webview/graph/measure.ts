// How large cards are: as their texts need, in steps, so that typing seldom changes the layout.
import type { Size } from './dot';
import type { Card, Scene } from './scene';

const STEP = 16;
const LEAST = 96;
const MOST = 300;
export const ONE_LINE = 34;
export const TWO_LINES = 48;

let context: CanvasRenderingContext2D | undefined;
const widths = new Map<string, number>();

function textWidth(text: string, font: string): number {
  const key = `${font}\n${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    context ??= document.createElement('canvas').getContext('2d') ?? undefined;
    if (context === undefined) {
      throw new Error('no canvas to measure texts with');
    }
    context.font = font;
    width = context.measureText(text).width;
    widths.set(key, width);
  }
  return width;
}

function fontFamily(): string {
  return getComputedStyle(document.body).fontFamily;
}

export function sizesOf(scene: Scene): Size[] {
  const family = fontFamily();
  return scene.cards.map((card) => {
    const title = textWidth(cut(card.title), `600 13px ${family}`) + (card.node ? 14 + textWidth(card.node.id, `11px ${family}`) : 20);
    const detail = textWidth(cut(card.detail), `11px ${family}`);
    const wanted = Math.max(title, detail) + 30;
    return {
      width: Math.min(Math.max(Math.ceil(wanted / STEP) * STEP, LEAST), MOST),
      height: linesOf(card) === 1 ? ONE_LINE : TWO_LINES,
    };
  });
}

export function linesOf(card: Card): 1 | 2 {
  return card.detail === '' ? 1 : 2;
}

export function titleWidths(scene: Scene): number[] {
  const font = `600 12px ${fontFamily()}`;
  return scene.frames.map(({ cluster }) => textWidth(cut(cluster.title), font) + 24);
}

const MAX_LETTERS = 40;

export function cut(text: string): string {
  return text.length <= MAX_LETTERS ? text : `${text.slice(0, MAX_LETTERS - 1)}…`;
}
