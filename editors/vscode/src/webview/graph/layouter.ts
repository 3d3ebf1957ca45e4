// Asks the worker for layouts. The latest question counts; an answer to an older one is dropped.
import type { LayoutFailure, LayoutResult } from '../layout/protocol';

const PATIENCE_MS = 30_000;

export class Layouter {
  private worker: Promise<Worker>;
  private latest = 0;
  private last: { dot: string; result: LayoutResult } | undefined;

  constructor(private readonly script: string) {
    this.worker = this.start();
  }

  /** The layout, or undefined where another one was asked for meanwhile. */
  async layout(dot: string): Promise<LayoutResult | undefined> {
    this.latest += 1;
    const id = this.latest;
    if (this.last?.dot === dot) {
      return this.last.result;
    }
    const worker = await this.worker;
    if (id !== this.latest) {
      return undefined;
    }
    const result = await this.ask(worker, id, dot);
    if (id !== this.latest) {
      return undefined;
    }
    this.last = { dot, result };
    return result;
  }

  /** Workers are made of local text: the page's policy allows no other. */
  private async start(): Promise<Worker> {
    const response = await fetch(this.script);
    if (!response.ok) {
      throw new Error(`the layout program cannot be read (${response.status})`);
    }
    return new Worker(URL.createObjectURL(new Blob([await response.text()], { type: 'text/javascript' })));
  }

  private ask(worker: Worker, id: number, dot: string): Promise<LayoutResult> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        worker.removeEventListener('message', answer);
        worker.removeEventListener('error', fail);
      };
      const answer = ({ data }: MessageEvent<LayoutResult | LayoutFailure>): void => {
        if (data.id === id) {
          done();
          if ('failed' in data) {
            reject(new Error(data.failed));
          } else {
            resolve(data);
          }
        }
      };
      const fail = (event: ErrorEvent): void => {
        done();
        reject(new Error(event.message));
      };
      const timer = setTimeout(() => {
        done();
        worker.terminate();
        this.worker = this.start();
        reject(new Error('laying this out takes too long; close some of it'));
      }, PATIENCE_MS);
      worker.addEventListener('message', answer);
      worker.addEventListener('error', fail);
      worker.postMessage({ id, dot });
    });
  }
}
