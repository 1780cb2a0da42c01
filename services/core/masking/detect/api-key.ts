import {
  at,
  base64urlSet,
  beginsWord,
  byteSet,
  code,
  type Detector,
  digits,
  isDigit,
  isIn,
  lowerCase,
  runEnd,
  type Span,
  startsWith,
  upperCase,
} from './bytes.ts';

interface KeyForm {
  readonly prefix: string;
  /** Where in the prefix the byte stands at which it is tried. */
  readonly anchor: number;
  /** What comes after the prefix at least. */
  readonly tail: number;
  /** Random base62 holds digits and letters of both cases; random hex holds digits and nothing beyond f. */
  readonly alphabet: 'mixed' | 'hex';
}

const form = (prefix: string, tail: number, alphabet: KeyForm['alphabet'] = 'mixed'): KeyForm => ({
  prefix,
  anchor: prefix.length - 1,
  tail,
  alphabet,
});

/** Prefixes that their issuers publish so that scanners can find them, with the shortest tail each one has. */
const forms: readonly KeyForm[] = [
  ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map((prefix) => form(prefix, 36)), // GitHub
  form('github_pat_', 36),
  form('glpat-', 20), // GitLab
  form('sk-', 32), // OpenAI, Anthropic and those who copy them
  ...['sk_live_', 'sk_test_', 'rk_live_', 'rk_test_'].map((prefix) => form(prefix, 20)), // Stripe
  ...['xoxb-', 'xoxp-', 'xoxa-', 'xoxr-', 'xoxs-', 'xapp-'].map((prefix) => form(prefix, 20)), // Slack
  form('npm_', 36),
  form('pypi-', 50),
  form('hf_', 30), // Hugging Face
  form('glsa_', 32), // Grafana
  form('dckr_pat_', 20), // Docker Hub
  form('dop_v1_', 64, 'hex'), // DigitalOcean
  ...['shpat_', 'shpss_', 'shppa_', 'shpca_'].map((prefix) => form(prefix, 32, 'hex')), // Shopify
  { ...form('hvs.', 24), anchor: 1 }, // HashiCorp Vault; a dot would be met in every number
  { ...form('SG.', 22), anchor: 1 }, // SendGrid
  form('GOCSPX-', 24), // Google OAuth client secret
  { prefix: 'AIza', anchor: 2, tail: 35, alphabet: 'mixed' }, // Google API key; its z is rarer than its a
];

const hexSet = byteSet(`${digits}abcdef`);
const upperSet = byteSet(upperCase);
const lowerSet = byteSet(lowerCase);
const dot = code('.');
/** SendGrid's keys have a second part. */
const fewestSecondPart = 16;

/** The two characters at whose second a form is tried. */
const anchorOf = ({ prefix, anchor }: KeyForm): string => prefix.slice(anchor - 1, anchor + 1);
const pairOf = (first: number, second: number): number => first * 256 + second;
const formsByAnchor = Map.groupBy(forms, (form) => {
  const text = anchorOf(form);
  return pairOf(text.charCodeAt(0), text.charCodeAt(1));
});

function isRandom(bytes: Uint8Array, start: number, end: number, alphabet: KeyForm['alphabet']): boolean {
  let digit = false;
  let upper = false;
  let lower = false;
  for (let index = start; index < end; index += 1) {
    const byte = at(bytes, index);
    if (alphabet === 'hex' && !isIn(hexSet, byte)) return false;
    digit ||= isDigit(byte);
    upper ||= isIn(upperSet, byte);
    lower ||= isIn(lowerSet, byte);
  }
  return digit && (alphabet === 'hex' || (upper && lower));
}

export const apiKey: Detector = {
  about:
    'A secret key with a prefix its issuer publishes: GitHub, GitLab, OpenAI, Anthropic, Stripe, Slack, npm, PyPI, ' +
    'Hugging Face, Grafana, Docker Hub, DigitalOcean, Shopify, Vault, SendGrid, Google.',
  anchors: [...new Set(forms.map(anchorOf))],
  digitRuns: [],
  match(bytes: Uint8Array, index: number): Span | null {
    const candidates = formsByAnchor.get(pairOf(at(bytes, index - 1), at(bytes, index))) ?? [];
    for (const { prefix, anchor, tail, alphabet } of candidates) {
      const start = index - anchor;
      // One attempt a word, since a tail is made of the same characters as a prefix: `ghp_ghp_ghp_...` is read once.
      if (!startsWith(bytes, start, prefix) || !beginsWord(bytes, start, base64urlSet)) continue;
      const tailStart = start + prefix.length;
      const end = runEnd(bytes, tailStart, base64urlSet);
      if (end - tailStart < tail || !isRandom(bytes, tailStart, end, alphabet)) continue;
      if (at(bytes, end) !== dot) return { start, end };
      const secondEnd = runEnd(bytes, end + 1, base64urlSet);
      return { start, end: secondEnd - end > fewestSecondPart ? secondEnd : end };
    }
    return null;
  },
};
