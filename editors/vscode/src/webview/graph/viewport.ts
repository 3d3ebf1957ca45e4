// Which part of the picture is seen: pan, zoom, fit.
export interface View {
  x: number;
  y: number;
  scale: number;
}

const LEAST = 0.02;
const MOST = 4;
/** Nothing is enlarged to fill the window. */
const FIT_MOST = 1.1;
const MARGIN = 28;

export class Viewport {
  view: View = { x: 0, y: 0, scale: 1 };
  private drag: { x: number; y: number; moved: boolean } | undefined;

  constructor(
    private readonly stage: SVGSVGElement,
    private readonly layer: SVGGElement,
    private readonly changed: () => void,
  ) {
    stage.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    stage.addEventListener('pointerdown', (event) => this.down(event));
    stage.addEventListener('pointermove', (event) => this.move(event));
    stage.addEventListener('pointerup', (event) => this.up(event));
    stage.addEventListener('pointercancel', (event) => this.up(event));
  }

  /** Whether the last press of the pointer moved the picture: it is no click then. */
  get dragged(): boolean {
    return this.drag?.moved ?? this.wasDragged;
  }
  private wasDragged = false;

  get size(): { width: number; height: number } {
    const { clientWidth: width, clientHeight: height } = this.stage;
    return { width, height };
  }

  set(view: View): void {
    this.view = view;
    this.layer.setAttribute('transform', `translate(${view.x} ${view.y}) scale(${view.scale})`);
    this.stage.classList.toggle('far', view.scale < 0.55);
    this.stage.classList.toggle('farther', view.scale < 0.25);
    this.changed();
  }

  panBy(x: number, y: number): void {
    this.set({ ...this.view, x: this.view.x + x, y: this.view.y + y });
  }

  /** Zooms around a point of the stage; around its middle where none is given. */
  zoomBy(factor: number, x = this.size.width / 2, y = this.size.height / 2): void {
    const scale = Math.min(Math.max(this.view.scale * factor, LEAST), MOST);
    const by = scale / this.view.scale;
    this.set({ x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by, scale });
  }

  fit(width: number, height: number): void {
    const size = this.size;
    const wanted = Math.min((size.width - 2 * MARGIN) / width, (size.height - 2 * MARGIN) / height, FIT_MOST);
    const scale = Math.max(wanted, LEAST);
    this.set({ x: (size.width - width * scale) / 2, y: (size.height - height * scale) / 2, scale });
  }

  /** As large as can be read, from the top. */
  start(width: number, height: number): void {
    this.fit(width, height);
    if (this.view.scale < 0.7) {
      const scale = Math.min(Math.max((this.size.width - 2 * MARGIN) / width, 0.7), 1);
      this.set({ x: (this.size.width - width * scale) / 2, y: MARGIN, scale });
    }
  }

  /** Moves as little as is needed to see a box, or to its middle where it is far away. */
  reveal(x: number, y: number, width: number, height: number): void {
    const { view, size } = this;
    const left = x * view.scale + view.x;
    const top = y * view.scale + view.y;
    const right = left + width * view.scale;
    const bottom = top + height * view.scale;
    if (left >= MARGIN && top >= MARGIN && right <= size.width - MARGIN && bottom <= size.height - MARGIN && view.scale > 0.35) {
      return;
    }
    const scale = Math.max(view.scale, 0.7);
    this.set({ x: size.width / 2 - (x + width / 2) * scale, y: size.height / 2 - (y + height / 2) * scale, scale });
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) {
      const box = this.stage.getBoundingClientRect();
      this.zoomBy(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    } else if (event.shiftKey && event.deltaX === 0) {
      this.panBy(-event.deltaY, 0);
    } else {
      this.panBy(-event.deltaX, -event.deltaY);
    }
  }

  private down(event: PointerEvent): void {
    if (event.button === 0) {
      this.drag = { x: event.clientX, y: event.clientY, moved: false };
      this.wasDragged = false;
    }
  }

  private move(event: PointerEvent): void {
    const { drag } = this;
    if (drag === undefined) {
      return;
    }
    const x = event.clientX - drag.x;
    const y = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(x, y) < 4) {
      return;
    }
    if (!drag.moved) {
      // Only now: a captured pointer would click the stage, not what it is over.
      this.stage.setPointerCapture(event.pointerId);
      this.stage.classList.add('dragging');
    }
    this.drag = { x: event.clientX, y: event.clientY, moved: true };
    this.panBy(x, y);
  }

  private up(event: PointerEvent): void {
    this.wasDragged = this.drag?.moved ?? false;
    this.drag = undefined;
    this.stage.classList.remove('dragging');
    if (this.stage.hasPointerCapture(event.pointerId)) {
      this.stage.releasePointerCapture(event.pointerId);
    }
  }
}
