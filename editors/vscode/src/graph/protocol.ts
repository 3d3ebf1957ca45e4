// What the server tells of a graph, and what the extension and the page of the graph say to each other.

export type Severity = 'error' | 'warning' | 'information' | 'hint';
export type Mark = 'added' | 'removed' | 'changed' | 'moved';

export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
}

/** Line and column of the begin and of the end, from 0. */
export type Place = readonly [number, number, number, number];

export interface GraphNode {
  /** Place in the artifact's `nodes`; of a removed node in those of the older version. */
  readonly index: number;
  readonly id: string;
  readonly kind: string;
  readonly shape: string;
  readonly role: string;
  readonly family: string;
  readonly parameters?: readonly string[];
  readonly module?: string;
  readonly outputs?: readonly number[];
  readonly mark?: Mark;
  readonly changes?: readonly string[];
  readonly findings?: readonly Finding[];
  readonly place?: Place;
  /** Place in `files`, then the range there. */
  readonly origin?: readonly [number, number, number, number, number];
}

export interface GraphCluster {
  readonly key: string;
  readonly title: string;
  readonly first: number;
  readonly last: number;
  readonly parent: number;
  readonly repeat: number;
}

export interface Family {
  readonly name: string;
  readonly slug: string;
  readonly light: string;
  readonly dark: string;
}

export interface GraphModel {
  readonly name: string;
  readonly dialect: string;
  readonly families: readonly Family[];
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly (readonly [number, number])[];
  readonly marked: readonly (readonly [number, number, 'added' | 'removed'])[];
  readonly clusters: readonly GraphCluster[];
  readonly opened: readonly string[];
  readonly files: readonly string[];
  readonly findings: readonly Finding[];
}

interface Neighbour {
  readonly index: number;
  readonly id: string;
  readonly kind: string;
  readonly shape: string;
}

export interface NodeDetails extends Neighbour {
  readonly summary: string;
  readonly formula: string;
  readonly torch: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly parameters: readonly {
    readonly name: string;
    readonly shape: string;
    readonly count: number | null;
    readonly doc: string;
    readonly model: string;
  }[];
  readonly operands: readonly Neighbour[];
  readonly users: readonly Neighbour[];
  readonly more_users: number;
  readonly module: string;
  readonly target: string;
  readonly findings: readonly Finding[];
}

/** Where a page comes from: it is the same graph again after a reload. */
export interface Source {
  readonly uri: string;
  /** The version before, where two are compared. */
  readonly against?: { readonly uri?: string; readonly git?: string; readonly name: string };
}

export type ToPage =
  | { readonly type: 'model'; readonly source: Source; readonly model: GraphModel; readonly asked: number; readonly note: string }
  | { readonly type: 'reveal'; readonly nodes: readonly number[] }
  | { readonly type: 'details'; readonly node: number; readonly details: NodeDetails }
  | { readonly type: 'failed'; readonly message: string };

export type FromPage =
  | { readonly type: 'ready' }
  | { readonly type: 'open'; readonly node: number; readonly focus: boolean }
  | { readonly type: 'origin'; readonly node: number }
  | { readonly type: 'details'; readonly node: number }
  | { readonly type: 'save'; readonly format: 'svg' | 'png'; readonly data: string };

/** What `torchlean.showGraph` answers for the format `model`. */
export interface ModelAnswer {
  readonly uri: string;
  readonly format: 'model';
  readonly version: number | null;
  readonly content: GraphModel;
}
