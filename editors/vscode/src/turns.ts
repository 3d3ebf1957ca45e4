// Steps that follow one another, each asked for by name: what waits already is not done twice.

export class Turns {
  private last: Promise<void> = Promise.resolve();
  private readonly waiting = new Map<string, Promise<void>>();

  constructor(private readonly onError: (error: unknown) => void) {}

  /**
   * Does a step after those before it; where one of the same name, or of a name in `doneBy`, waits for its turn, that one does.
   * @param pause Milliseconds to wait before: others that ask meanwhile are served by the same step.
   */
  run(name: string, step: () => Promise<void>, pause = 0, doneBy: readonly string[] = []): Promise<void> {
    for (const other of [name, ...doneBy]) {
      const waiting = this.waiting.get(other);
      if (waiting !== undefined) {
        return waiting;
      }
    }
    const before = this.last;
    const turn = (async () => {
      await before;
      if (pause > 0) {
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
      this.waiting.delete(name);
      await step();
    })().catch((error: unknown) => this.onError(error));
    this.waiting.set(name, turn);
    this.last = turn;
    return turn;
  }

  /** Resolves when every step asked for so far is done. */
  settled(): Promise<void> {
    return this.last;
  }
}

/** Counts what happens within a stretch of time. */
export class Recent {
  private times: number[] = [];

  constructor(
    private readonly milliseconds: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** Notes one more, and says how many there were lately, with it. */
  add(): number {
    const now = this.now();
    this.times = [...this.times.filter((time) => now - time < this.milliseconds), now];
    return this.times.length;
  }

  forget(): void {
    this.times = [];
  }
}
