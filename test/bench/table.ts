import { lines } from './columns.ts';
import { type Figure, type LoadResult, meets, ratio, type WayName, wayNames } from './figures.ts';

const wayTitles: Readonly<Record<WayName, string>> = {
  direct: 'direct',
  envoy: 'Envoy',
  relay: 'relay',
  pgbouncer: 'pgbouncer',
  gateway: 'gateway',
};

const shown = (value: number): string => {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
};

const columns = [
  'load',
  'unit',
  ...wayNames.map((name) => wayTitles[name]),
  'gw/relay',
  'gw/Envoy',
  'CPU gw',
  'CPU relay',
];

const ratioCell = (result: LoadResult, to: WayName): string => {
  const { ways } = result;
  // Of a time, less is more.
  return ways === null ||
    ways.unit.startsWith('µs') ||
    ways.ways.gateway === undefined ||
    ways.ways[to] === undefined
    ? ''
    : ratio(ways, 'gateway', to).toFixed(2);
};

function row(result: LoadResult): readonly string[] {
  const { ways } = result;
  const cpu = (name: WayName): string => {
    const cpuUs = ways?.ways[name]?.cpuUs ?? null;
    return cpuUs === null ? '' : shown(cpuUs);
  };
  const values = wayNames.map((name) => {
    const value = ways?.ways[name]?.value;
    return value === undefined ? '' : shown(value);
  });
  return [
    result.load,
    ways?.unit ?? '',
    ...values,
    ratioCell(result, 'relay'),
    ratioCell(result, 'envoy'),
    cpu('gateway'),
    cpu('relay'),
  ];
}

function goalCells(figure: Figure): readonly string[] {
  if (figure.goal === null) return ['', ''];
  const { kind, value } = figure.goal;
  return [`${kind === 'at-least' ? 'at least' : 'at most'} ${value}`, meets(figure) ? 'met' : 'not met'];
}

export interface Paint {
  bold(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

export const plain: Paint = { bold: (text) => text, good: (text) => text, bad: (text) => text };
const sgr = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
export const coloured: Paint = { bold: sgr(1), good: sgr(32), bad: sgr(33) };

/** All that was measured: first each load by its ways, then each figure with its goal. */
export function table(results: readonly LoadResult[], paint: Paint): string {
  const [head = '', ...loads] = lines([columns, ...results.filter(({ ways }) => ways !== null).map(row)], 2);
  const figures = lines(
    results.flatMap(({ load, figures }) =>
      figures.map((figure) => [
        load,
        figure.name,
        `${shown(figure.value)} ${figure.unit}`.trim(),
        ...goalCells(figure),
      ]),
    ),
    2,
  );
  return [
    ...(loads.length === 0 ? [] : [paint.bold(head), ...loads, '']),
    ...figures.map((line) =>
      line.replace(/not met$/, paint.bad('not met')).replace(/(?<!not )met$/, paint.good('met')),
    ),
    '',
    ...results.map(({ load, title }) => `${load}: ${title}`),
    'CPU: microseconds of the processor’s time of the gateway process, or the relay’s, for one statement.',
  ].join('\n');
}
