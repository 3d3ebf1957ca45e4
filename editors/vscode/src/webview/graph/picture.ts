// A scene that is laid out.
import type { LayoutResult } from '../layout/protocol';
import type { Size } from './dot';
import type { Scene } from './scene';

export interface Picture {
  readonly scene: Scene;
  readonly layout: LayoutResult;
  readonly sizes: readonly Size[];
}
