// The picture as a file: what the style sheet says is written into it, so that it looks the same anywhere.
const COPIED = [
  'fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-opacity', 'opacity',
  'font-family', 'font-size', 'font-weight', 'text-anchor', 'text-decoration', 'paint-order', 'display',
] as const;
const MARGIN = 24;
/** Browsers draw no larger canvases. */
const MAX_PIXELS = 60_000_000;
const MAX_SIDE = 16_000;

export function toSvg(stage: SVGSVGElement, width: number, height: number): string {
  const copy = stage.cloneNode(true) as SVGSVGElement;
  const from = [...stage.querySelectorAll<SVGElement>('*')];
  const to = [...copy.querySelectorAll<SVGElement>('*')];
  const far = ['far', 'farther'].filter((name) => stage.classList.contains(name));
  stage.classList.remove(...far);
  from.forEach((original, at) => {
    const style = getComputedStyle(original);
    for (const name of COPIED) {
      to[at]?.setAttribute(name, style.getPropertyValue(name));
    }
  });
  stage.classList.add(...far);
  for (const made of to) {
    for (const name of ['class', 'style', 'role', 'aria-label', 'id', 'data-card', 'data-toggle', 'data-key', 'data-from', 'data-to']) {
      if (!(name === 'id' && made.tagName === 'marker')) {
        made.removeAttribute(name);
      }
    }
  }
  copy.querySelector('g')?.setAttribute('transform', `translate(${MARGIN} ${MARGIN})`);
  const size = [width + 2 * MARGIN, height + 2 * MARGIN].map((value) => value.toFixed(0));
  const back = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  back.setAttribute('width', '100%');
  back.setAttribute('height', '100%');
  back.setAttribute('fill', getComputedStyle(document.body).backgroundColor);
  copy.prepend(back);
  for (const { name } of [...copy.attributes]) {
    copy.removeAttribute(name);
  }
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', size[0] ?? '0');
  copy.setAttribute('height', size[1] ?? '0');
  copy.setAttribute('viewBox', `0 0 ${size.join(' ')}`);
  return new XMLSerializer().serializeToString(copy);
}

/** The picture as a data URI of a PNG, twice as large as on the screen where that is possible. */
export async function toPng(svg: string, width: number, height: number): Promise<string> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const area = Math.sqrt(MAX_PIXELS / (width * height));
  const scale = Math.min(2, area, MAX_SIDE / width, MAX_SIDE / height);
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.floor((width + 2 * MARGIN) * scale));
  canvas.height = Math.max(1, Math.floor((height + 2 * MARGIN) * scale));
  const context = canvas.getContext('2d');
  if (context === null) {
    throw new Error('no canvas to draw on');
  }
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/png');
}
