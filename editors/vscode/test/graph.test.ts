// The graph's pure parts: what is seen, what is found, where keys and cursors lead.
import { describe, expect, test } from 'vitest';
import { originsAt, placesAt } from '../src/graph/places';
import type { GraphCluster, GraphModel, GraphNode } from '../src/graph/protocol';
import { dotOf } from '../src/webview/graph/dot';
import { followed, isAlike, openedWithin, pathTo, sceneOf } from '../src/webview/graph/scene';
import { search } from '../src/webview/graph/search';
import { walk } from '../src/webview/graph/walk';

function cluster(key: string, first: number, last: number, parent = -1): GraphCluster {
  return { key, title: key, first, last, parent, repeat: 0 };
}

function node(id: number, kind: string, more: Partial<GraphNode> = {}): GraphNode {
  return { index: id, id: `${id}`, kind, shape: '[1, 4]', role: 'operation', family: 'elementwise', ...more };
}

/** A chain of six nodes: 1 to 4 are `body`, in which 1 and 2 are `body.a`. */
function model(more: Partial<GraphModel> = {}): GraphModel {
  const kinds = ['input', 'linear', 'relu', 'linear', 'tanh', 'exp'];
  return {
    name: 'm',
    dialect: 'classic',
    families: [],
    nodes: kinds.map((kind, id) => node(id, kind, { place: [id + 3, 4, id + 3, 40], module: id < 3 ? 'body.a' : 'body' })),
    edges: [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [0, 4]],
    marked: [],
    clusters: [cluster('body', 1, 4), cluster('body.a', 1, 2, 0)],
    opened: [],
    files: ['file:///net.py'],
    findings: [],
    ...more,
  };
}

const opened = (...keys: string[]) => (key: string) => keys.includes(key);

describe('what is seen', () => {
  test('a closed cluster is one card, and edges into it are one', () => {
    const scene = sceneOf(model(), opened());
    expect(scene.cards.map(({ key }) => key)).toEqual(['n:0', 'c:body', 'n:5']);
    expect(scene.edges.map(({ from, to }) => [from, to])).toEqual([[0, 1], [1, 2]]);
    expect([...scene.cardOf]).toEqual([0, 1, 1, 1, 1, 2]);
  });

  test('an open cluster is a frame around what is in it', () => {
    const scene = sceneOf(model(), opened('body', 'body.a'));
    expect(scene.cards).toHaveLength(6);
    expect(scene.frames.map(({ cluster: { key }, parent }) => [key, parent])).toEqual([['body', -1], ['body.a', 0]]);
    expect(scene.around).toEqual([-1, 1, 1, 0, 0, -1]);
  });

  test('a cluster in a closed one is not seen, open or not', () => {
    expect(sceneOf(model(), opened('body.a')).cards).toHaveLength(3);
  });

  test('scenes are alike where nothing came or went, whatever the cards say', () => {
    const nodes = model().nodes.map((one) => (one.id === '2' ? { ...one, shape: '[7]', parameters: ['W [7, 7]'] } : one));
    const scene = sceneOf(model(), opened('body'));
    expect(isAlike(scene, sceneOf(model({ nodes }), opened('body')))).toBe(true);
    expect(isAlike(scene, sceneOf(model(), opened()))).toBe(false);
    const [, ...edges] = model().edges;
    expect(isAlike(scene, sceneOf(model({ edges }), opened('body')))).toBe(false);
  });

  test('a closed cluster counts the errors in it', () => {
    const nodes = model().nodes.map((one) => (one.id === '2' ? { ...one, findings: [{ code: 'TL201', severity: 'error', message: '' } as const] } : one));
    expect(sceneOf(model({ nodes }), opened()).cards[1]).toMatchObject({ errors: 1, warnings: 0 });
  });

  test('nodes with one id are two cards', () => {
    const nodes = [node(0, 'input'), node(1, 'relu'), node(1, 'relu')];
    const keys = sceneOf(model({ nodes, edges: [], clusters: [] }), opened()).cards.map(({ key }) => key);
    expect(keys).toEqual(['n:0', 'n:1', 'n:1:2']);
  });

  test('clusters open level by level as far as they fit', () => {
    expect([...openedWithin(model(), 4)]).toEqual([]);
    expect([...openedWithin(model(), 5)]).toEqual(['body']);
    expect([...openedWithin(model(), 6)]).toEqual(['body', 'body.a']);
  });

  test('the path to a node goes from the outside in', () => {
    expect(pathTo(model(), 2).map(({ key }) => key)).toEqual(['body', 'body.a']);
    expect(pathTo(model(), 5)).toEqual([]);
  });
});

test('a node is followed through an edit before it, and stays where the edit is behind it', () => {
  const before = model();
  const nodes = [...before.nodes];
  nodes.splice(3, 0, node(9, 'abs'));
  const after = model({ nodes });
  expect([1, 2, 3, 5].map((place) => followed(before, after, place))).toEqual([1, 2, 4, 6]);
  expect([4, 6].map((place) => followed(after, before, place))).toEqual([3, 5]);
});

test('no name of an artifact gets into what Graphviz reads', () => {
  const evil = '"]; evil [label="';
  const nodes = model().nodes.map((one) => ({ ...one, kind: evil, id: evil, shape: evil }));
  const scene = sceneOf(model({ nodes, clusters: [cluster(evil, 1, 4)] }), () => true);
  const dot = dotOf(scene, scene.cards.map(() => ({ width: 72, height: 36 })), scene.frames.map(() => 100));
  expect(dot).not.toContain('evil');
  expect(dot).toContain('subgraph cluster_0 {');
  expect(dot).toContain('n0 -> n1 [id=0]');
});

describe('searching', () => {
  test('all words count, wherever they stand', () => {
    expect(search(model(), 'LINEAR body.a')).toEqual([1]);
    expect(search(model(), 'linear')).toEqual([1, 3]);
    expect(search(model(), '  ')).toEqual([]);
  });

  test('the node with the id that is asked for comes first', () => {
    expect(search(model(), '4')[0]).toBe(4);
  });
});

test('arrow keys follow edges, and lead to what stands beside', () => {
  const scene = sceneOf(model({ edges: [[0, 2], [1, 2]], clusters: [] }), opened());
  const cards = [[0, 0], [100, 0], [50, 90], [900, 900], [900, 990], [900, 1080]] as const;
  const picture = { scene, sizes: [], layout: { id: 0, width: 1, height: 1, cards, frames: [], edges: [], took: 0 } };
  expect(walk(picture, 0, 'down')).toBe(2);
  expect(walk(picture, 2, 'up')).toBe(0);
  expect(walk(picture, 0, 'right')).toBe(1);
  expect(walk(picture, 1, 'left')).toBe(0);
  expect(walk(picture, 0, 'up')).toBeUndefined();
});

describe('the cursor', () => {
  test('is at the node in whose text it is', () => {
    expect(placesAt(model(), { line: 5, character: 20 })).toEqual([2]);
    expect(placesAt(model(), { line: 5, character: 0 })).toEqual([2]);
    expect(placesAt(model(), { line: 0, character: 3 })).toEqual([]);
    expect(placesAt(model(), { line: 99, character: 0 })).toEqual([]);
  });

  test('of a model is at the smallest expression around it first', () => {
    const origins = [[0, 7, 4, 7, 30], [0, 7, 12, 7, 20], [0, 8, 0, 8, 9]] as const;
    const nodes = origins.map((origin, id) => node(id, 'relu', { origin }));
    expect(originsAt(model({ nodes }), 0, { line: 7, character: 15 })).toEqual([1, 0]);
    expect(originsAt(model({ nodes }), 0, { line: 7, character: 5 })).toEqual([0, 1]);
    expect(originsAt(model({ nodes }), 1, { line: 7, character: 5 })).toEqual([]);
  });
});
