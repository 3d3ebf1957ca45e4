// What a page asks of the layout worker, and what it answers.

export interface LayoutRequest {
  readonly id: number;
  /** Cards are named n0, n1, …, frames cluster_0, …; edges have their number as `id`. */
  readonly dot: string;
}

export interface LayoutResult {
  readonly id: number;
  readonly width: number;
  readonly height: number;
  /** Centres. */
  readonly cards: readonly (readonly [number, number])[];
  /** Left, top, width, height. */
  readonly frames: readonly (readonly [number, number, number, number])[];
  /** SVG paths. */
  readonly edges: readonly string[];
  /** Milliseconds. */
  readonly took: number;
}

export interface LayoutFailure {
  readonly id: number;
  readonly failed: string;
}
