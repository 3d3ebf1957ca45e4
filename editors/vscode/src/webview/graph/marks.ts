// How long things took, for whoever measures: entries of the browser's performance timeline.

/** Notes that something that began at a time is on the screen now. */
export function painted(name: string, begin: number): void {
  // The first frame after this one begins when this one is on the screen.
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      performance.measure(`graph:${name}`, { start: begin, end: performance.now() });
    };
    channel.port2.postMessage(undefined);
  });
}
