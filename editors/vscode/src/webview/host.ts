// The editor as a page of a webview sees it.

/** What `acquireVsCodeApi` returns; a page may ask for it once. */
export interface Host<State> {
  postMessage(message: unknown): void;
  getState(): State | undefined;
  setState(state: State): State;
}

declare function acquireVsCodeApi(): Host<unknown>;

let acquired: Host<unknown> | undefined;

/** The editor. Its state outlives the page: it is there again when a hidden tab is shown and after a reload. */
export function host<State>(): Host<State> {
  acquired ??= acquireVsCodeApi();
  return acquired as Host<State>;
}
