import { InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../core/model/quantity.ts';

export const configFile = 'sallyport.yaml';

/** For commands that read the whole config. */
export const configOption = (): Option =>
  new Option('-c, --config <file>', 'the gateway’s config').env('SALLYPORT_CONFIG').default(configFile);

/** For commands that only look in the config where the gateway's state folder is. */
export const placeOption = (): Option =>
  new Option(
    '-c, --config <file>',
    `the gateway’s config, for its state folder (default: ${configFile}, if it is there)`,
  ).env('SALLYPORT_CONFIG');

export const socketOption = (): Option =>
  new Option(
    '--socket <path>',
    'the gateway’s API (default: run/console.api.sock in the state folder that the config names, or in ./sallyport-state)',
  ).env('SALLYPORT_SOCKET');

export const jsonOption = (): Option => new Option('--json', 'print JSON, for programs');

export const reasonOption = (): Option =>
  new Option(
    '--reason <text>',
    'why, in your own words; it stands in the trail, and the client is told',
  ).makeOptionMandatory();

export const limitOption = (what: string): Option =>
  new Option('--limit <number>', `how many ${what} to list`).argParser(wholeNumber).default(50);

export function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  return Number(text);
}

/** `2h` -> the time two hours ago; or a time itself, as ISO 8601 writes it. Milliseconds since the Unix epoch. */
export function sinceTime(text: string): number {
  const agoMs = parseDuration(text);
  const ms = agoMs === null ? isoMs(text) : Date.now() - agoMs;
  if (ms === null) {
    throw new InvalidArgumentError(
      'It must be a time such as 2026-07-15T10:00:00Z, or how long ago: 30m, 2h, 7d.',
    );
  }
  return ms;
}

/** Without a time zone it is the time of this machine, as everywhere on it. */
export function pointInTime(text: string): number {
  const ms = isoMs(text);
  if (ms === null) throw new InvalidArgumentError('It must be a time such as 2026-07-15T10:00:00Z.');
  return ms;
}

const isoMs = (text: string): number | null => {
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
};

/** For options that may be given several times. */
export const collected = (value: string, earlier: readonly string[]): readonly string[] => [
  ...earlier,
  value,
];

/** What every command's help ends with. */
export const examples = (...lines: readonly string[]): string =>
  ['', 'Examples:', ...lines.map((line) => (line === '' ? '' : `  ${line}`))].join('\n');
