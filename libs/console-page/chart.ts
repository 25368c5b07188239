/** Chart: what was moved in each minute of the last hour, as bars; the numbers beside it are for those who do not see it. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { html, type Node } from './html.ts';
import { clockText, countText, sizeText } from './words.ts';

interface Point {
  readonly at: number;
  readonly files: number;
  readonly bytes: number;
}

const HEIGHT = 140;

export function Throughput({ points }: { readonly points: readonly Point[] }): Node {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    plot.current = draw(element);
    const resizing = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    resizing.observe(element);
    return () => {
      resizing.disconnect();
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => {
    plot.current?.setData([points.map(({ at }) => at), points.map(({ bytes }) => bytes)]);
  }, [points]);
  const files = points.reduce((sum, point) => sum + point.files, 0);
  const bytes = points.reduce((sum, point) => sum + point.bytes, 0);
  const text = `In the last hour ${countText(files)} files, ${sizeText(bytes)}`;
  return html`<figure><div ref=${place} role="img" aria-label=${text}></div><figcaption>${text}</figcaption></figure>`;
}

function draw(element: HTMLElement): uPlot {
  const colour = getComputedStyle(element).getPropertyValue('color');
  const line = 'rgba(128, 128, 128, 0.25)';
  const axis = { stroke: colour, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  const clock = (seconds: number) => clockText(new Date(seconds * 1_000)).slice(0, 5);
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_plot, _least, most) => [0, Math.max(1_000, most)] } },
      axes: [
        { ...axis, values: (_plot, values) => values.map(clock) },
        { ...axis, size: 64, values: (_plot, values) => values.map((value) => sizeText(value)) },
      ],
      series: [
        {},
        {
          stroke: '#3b6ea5',
          fill: 'rgba(59, 110, 165, 0.45)',
          points: { show: false },
          paths: uPlot.paths.bars?.({ size: [0.8] }) ?? (() => null),
        },
      ],
    },
    [[], []],
    element,
  );
}
