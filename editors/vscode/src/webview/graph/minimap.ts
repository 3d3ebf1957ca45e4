// The whole picture in a corner, with what is seen of it.
import type { Picture } from './picture';
import type { Viewport } from './viewport';

const WIDTH = 130;
const HEIGHT = 110;

export class Minimap {
  private readonly context: CanvasRenderingContext2D;
  private back: HTMLCanvasElement | undefined;
  private scale = 1;
  private width = 0;
  private height = 0;
  private left = 0;
  private top = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly viewport: Viewport,
  ) {
    const context = canvas.getContext('2d');
    if (context === null) {
      throw new Error('no canvas for the overview');
    }
    this.context = context;
    canvas.width = WIDTH * devicePixelRatio;
    canvas.height = HEIGHT * devicePixelRatio;
    const go = (event: PointerEvent): void => {
      if (event.buttons === 1) {
        const x = (event.offsetX - this.left) / this.scale;
        const y = (event.offsetY - this.top) / this.scale;
        const { view, size } = viewport;
        viewport.set({ ...view, x: size.width / 2 - x * view.scale, y: size.height / 2 - y * view.scale });
      }
    };
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      go(event);
    });
    canvas.addEventListener('pointermove', go);
  }

  /** Draws another picture; `color` gives the colour of a family, or of what is wrong. */
  show({ scene, layout, sizes }: Picture, color: (card: number) => string, frameColor: string): void {
    const canvas = document.createElement('canvas');
    canvas.width = this.canvas.width;
    canvas.height = this.canvas.height;
    const context = canvas.getContext('2d');
    if (context === null) {
      throw new Error('no canvas for the overview');
    }
    this.scale = Math.min((WIDTH - 12) / layout.width, (HEIGHT - 12) / layout.height, 0.25);
    this.width = layout.width;
    this.height = layout.height;
    this.left = (WIDTH - layout.width * this.scale) / 2;
    this.top = (HEIGHT - layout.height * this.scale) / 2;
    context.scale(devicePixelRatio, devicePixelRatio);
    context.translate(this.left, this.top);
    context.scale(this.scale, this.scale);
    context.fillStyle = frameColor;
    for (const [x, y, width, height] of layout.frames) {
      context.fillRect(x, y, width, height);
    }
    scene.cards.forEach((_, at) => {
      const [x, y] = layout.cards[at] ?? [0, 0];
      const { width, height } = sizes[at] ?? { width: 0, height: 0 };
      context.fillStyle = color(at);
      const least = 1.5 / this.scale;
      context.fillRect(x - width / 2, y - height / 2, Math.max(width, least), Math.max(height, least));
    });
    this.back = canvas;
    this.update();
  }

  /** Draws what is seen anew. */
  update(): void {
    const { context, viewport, back } = this;
    if (back === undefined) {
      return;
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(back, 0, 0);
    context.scale(devicePixelRatio, devicePixelRatio);
    const { view, size } = viewport;
    const scale = this.scale / view.scale;
    // What is seen as a whole needs no overview.
    const whole = view.x >= 0 && view.y >= 0 && view.x + this.width * view.scale <= size.width && view.y + this.height * view.scale <= size.height;
    this.canvas.hidden = whole;
    const style = getComputedStyle(this.canvas);
    context.strokeStyle = style.color;
    context.lineWidth = 1.5;
    context.strokeRect(
      this.left - view.x * scale,
      this.top - view.y * scale,
      size.width * scale,
      size.height * scale,
    );
  }
}
