// The worker that lays graphs out: Graphviz, away from the page, which never waits for it.
import { instance } from '@viz-js/viz';
import type { LayoutRequest, LayoutResult } from './protocol';

interface Json {
  readonly bb: string;
  readonly objects?: readonly { readonly name: string; readonly pos?: string; readonly bb?: string }[];
  readonly edges?: readonly { readonly id: string; readonly pos?: string }[];
}

const graphviz = instance();

addEventListener('message', (event: MessageEvent<LayoutRequest>) => {
  const { id } = event.data;
  lay(event.data).then(
    (result) => postMessage(result),
    (error: unknown) => postMessage({ id, failed: error instanceof Error ? error.message : String(error) }),
  );
});

async function lay({ id, dot }: LayoutRequest): Promise<LayoutResult> {
  const viz = await graphviz;
  const begin = performance.now();
  const result = viz.render(dot, { format: 'json0', engine: 'dot' });
  if (result.status !== 'success') {
    throw new Error(result.errors.map(({ message }) => message).join('; '));
  }
  return { id, ...read(JSON.parse(result.output) as Json), took: performance.now() - begin };
}

/** Graphviz counts from the bottom; screens from the top. */
function read(json: Json): Omit<LayoutResult, 'id' | 'took'> {
  const [, , width = 0, height = 0] = numbers(json.bb);
  const cards: [number, number][] = [];
  const frames: [number, number, number, number][] = [];
  for (const object of json.objects ?? []) {
    if (object.pos !== undefined) {
      const [x = 0, y = 0] = numbers(object.pos);
      cards[Number(object.name.slice(1))] = [x, height - y];
    } else if (object.bb !== undefined) {
      const [left = 0, bottom = 0, right = 0, top = 0] = numbers(object.bb);
      frames[Number(object.name.slice('cluster_'.length))] = [left, height - top, right - left, top - bottom];
    }
  }
  const edges: string[] = [];
  for (const edge of json.edges ?? []) {
    edges[Number(edge.id)] = edge.pos === undefined ? '' : path(edge.pos, height);
  }
  return { width, height, cards, frames, edges };
}

/** A spline as an SVG path; it ends where its arrow does. */
function path(pos: string, height: number): string {
  let end = '';
  const points: string[] = [];
  for (const word of pos.split(' ')) {
    if (word.startsWith('e,')) {
      const [x = 0, y = 0] = numbers(word.slice(2));
      end = `L${x.toFixed(1)} ${(height - y).toFixed(1)}`;
    } else if (!word.startsWith('s,')) {
      const [x = 0, y = 0] = numbers(word);
      points.push(`${x.toFixed(1)} ${(height - y).toFixed(1)}`);
    }
  }
  const [first = '0 0', ...rest] = points;
  let command = `M${first}`;
  for (let at = 0; at + 2 < rest.length; at += 3) {
    command += `C${rest.slice(at, at + 3).join(' ')}`;
  }
  return command + end;
}

function numbers(text: string): number[] {
  return text.split(',').map(Number);
}
