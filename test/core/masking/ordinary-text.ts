/** Text in which there is nothing to find, as applications store and print it; the same for each seed. */

const words =
  'the parcel was left with a neighbour on second floor and signed for by caretaker in afternoon order ready payment late customer called again about missing part of delivery please check stock before friday ' +
  'status pending review shop returned item refund account closed new address street number house garden small large blue green error failed timeout connection retry service node cluster version release branch';
const vocabulary = words.split(' ');
const levels = ['INFO', 'WARN', 'ERROR', 'DEBUG'];

/** mulberry32: the same numbers on each machine. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Line = (random: (below: number) => number) => string;

const digitsOf = (random: (below: number) => number, count: number): string =>
  Array.from({ length: count }, () => random(10)).join('');
const hexOf = (random: (below: number) => number, count: number): string =>
  Array.from({ length: count }, () => random(16).toString(16)).join('');
const bytesOf = (random: (below: number) => number, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => random(256)));
const wordsOf = (random: (below: number) => number, count: number): string =>
  Array.from({ length: count }, () => vocabulary[random(vocabulary.length)] ?? '').join(' ');
/** Within twenty years. */
const timeOf = (random: (below: number) => number): Date =>
  new Date(1.2e12 + random(63_000) * 1e7 + random(1e7));

const lines: Readonly<Record<string, Line>> = {
  prose: (random) => `${wordsOf(random, 14)}.`,
  logs: (random) =>
    `${timeOf(random).toISOString()} ${levels[random(4)] ?? ''} [${wordsOf(random, 1)}-${random(50)}] ${wordsOf(random, 4)} id=${random(1e7)} ` +
    `from 10.${random(256)}.${random(256)}.${random(256)}:${random(65536)} took ${random(9000)}.${random(1000)} ms trace=${hexOf(random, 32)}`,
  'uuids and digests': (random) =>
    `${hexOf(random, 8)}-${hexOf(random, 4)}-4${hexOf(random, 3)}-a${hexOf(random, 3)}-${hexOf(random, 12)} ${hexOf(random, 40)} sha256:${hexOf(random, 64)}`,
  timestamps: (random) => {
    const time = timeOf(random);
    return `${time.toISOString()} ${time.getTime()} ${Math.floor(time.getTime() / 1000)} ${time.getTime()}${digitsOf(random, 3)} ${time.toUTCString()} ${time.toISOString().slice(0, 10)}`;
  },
  base64: (random) => bytesOf(random, 57).toString('base64'),
  'base64url words': (random) =>
    `${bytesOf(random, 16).toString('base64url')} ${bytesOf(random, 33).toString('base64url')}`,
  'order numbers': (random) =>
    `ORD-${2000 + random(30)}-${digitsOf(random, 6)} ${timeOf(random).toISOString().slice(0, 10).replaceAll('-', '')}-${digitsOf(random, 4)} ` +
    `SKU${digitsOf(random, 5)}-${String.fromCharCode(65 + random(26))} INV${digitsOf(random, 8)} ${digitsOf(random, 3)}-${digitsOf(random, 7)}-${digitsOf(random, 7)}`,
  prices: (random) =>
    `${random(1000)}.${digitsOf(random, 2)} EUR, $${random(900) + 100},${digitsOf(random, 3)}.${digitsOf(random, 2)} -${random(100)}.${digitsOf(random, 2)} 1.${digitsOf(random, 3)}.${digitsOf(random, 3)},00 ${random(100)} %`,
  'numbers of 5 to 19 digits': (random) =>
    Array.from({ length: 6 }, () => `${1 + random(9)}${digitsOf(random, 4 + random(15))}`).join(' '),
};

export const ordinaryKinds = Object.keys(lines);

/** At least so many bytes of lines of this kind. */
export function ordinaryText(kind: string, bytes: number, seed = 1): Buffer {
  const random = randomNumbers(seed);
  const line = lines[kind];
  const made: string[] = [];
  for (let length = 0; line !== undefined && length < bytes; length += made.at(-1)?.length ?? 0) {
    made.push(`${line(random)}\n`);
  }
  return Buffer.from(made.join(''));
}
