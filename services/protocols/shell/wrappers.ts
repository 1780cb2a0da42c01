import type { Call } from './call.ts';
import { constant, unknownWord, unknownWords, type Word } from './reading.ts';

/** How a program that runs another one takes its own options. One that is not known here is not guessed at. */
interface Wrapper {
  /** Letters of options without a value. */
  readonly flags?: string;
  /** Letters of options whose value is the rest of the word, or the next word. */
  readonly values?: string;
  /** Letters whose value, if any, is the rest of the word alone. */
  readonly attached?: string;
  readonly longFlags?: readonly string[];
  readonly longValues?: readonly string[];
  /** Words before the command: `timeout 5 ls` has one. */
  readonly operands?: number;
  /** `X=1` may stand before the command. */
  readonly assigns?: boolean;
  /** It changes who runs the command or where: it is a command of its own, beside the one that it runs. */
  readonly reported?: boolean;
  /** What it does without a command. */
  readonly alone?: 'report' | 'interactive-shell';
}

const wrappers: Readonly<Record<string, Wrapper>> = {
  env: {
    flags: 'i0v',
    values: 'uC',
    longFlags: ['ignore-environment', 'null', 'debug'],
    longValues: ['unset', 'chdir'],
    assigns: true,
  },
  nice: { values: 'n', longValues: ['adjustment'], flags: '0123456789' },
  ionice: { flags: 't', values: 'cn', longFlags: ['ignore'], longValues: ['class', 'classdata'] },
  nohup: {},
  setsid: { flags: 'cfw', longFlags: ['ctty', 'fork', 'wait'] },
  stdbuf: { values: 'ioe', longValues: ['input', 'output', 'error'] },
  timeout: {
    flags: 'vfp',
    values: 'ks',
    longFlags: ['verbose', 'foreground', 'preserve-status'],
    longValues: ['kill-after', 'signal'],
    operands: 1,
  },
  time: { flags: 'pvaq', values: 'f', longFlags: ['portability', 'verbose'], longValues: ['format'] },
  chrt: { flags: 'bfior', operands: 1 },
  taskset: { flags: 'ca', operands: 1 },
  sudo: {
    flags: 'nEHkKSbABPNsi',
    values: 'ugpChrtTUDR',
    longFlags: ['non-interactive', 'set-home', 'login', 'shell', 'stdin', 'preserve-env', 'background'],
    longValues: ['user', 'group', 'prompt', 'host', 'chdir', 'chroot'],
    assigns: true,
    reported: true,
  },
  doas: { flags: 'nLs', values: 'uCa', reported: true },
  'su-exec': { operands: 1, reported: true },
  gosu: { operands: 1, reported: true },
  chroot: {
    longFlags: ['skip-chdir'],
    longValues: ['userspec', 'groups'],
    operands: 1,
    reported: true,
    alone: 'interactive-shell',
  },
  tini: { flags: 'svwg', values: 'pe' },
  'dumb-init': { flags: 'cv', values: 'r' },
  busybox: {},
  toybox: {},
};

const shellOf = new Set(['-s', '-i', '--shell', '--login']);
const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=/;
/** bash's `time` is a reserved word, and others may follow it. */
const reservedBehindTime = /^(?:!|\{|\}|if|for|while|until|case|function|select|coproc|time|\[\[|.*=.*)$/s;

/** What programs that run others run: null when this is none. */
export function wrapper(name: string): ((call: Call) => void) | null {
  if (name === 'xargs') return xargs;
  if (name === 'find') return find;
  if (name === 'watch') return watch;
  if (name === 'su' || name === 'runuser') return su;
  const found = Object.hasOwn(wrappers, name) ? wrappers[name] : undefined;
  return found === undefined ? null : (call) => wrapped(call, found);
}

function wrapped(call: Call, how: Wrapper): void {
  const { args, name } = call;
  if (how.reported === true) call.report(false);
  if (name === 'env') {
    const at = args.findIndex(({ head }) => /^(?:-[a-zA-Z]*S|--s)/.test(head));
    // What it means behind the command's name, it means to the command.
    if (at >= 0 && at <= commandAt(args, how, at)) return splitString(call, at);
  }
  let at = commandAt(args, how, args.length);
  if (at < 0) return call.opaque(at === unknownPlace ? 'expanded-name' : 'runs-others');
  if (how.assigns === true) {
    for (; at < args.length; at += 1) {
      const word = args[at];
      const variable = assignment.exec(word?.head ?? '')?.[1];
      if (word === undefined || variable === undefined) {
        // env takes any name, `BASH_FUNC_ls%%=() { ...; }` too.
        if (word?.head.includes('=') === true) call.opaque('environment');
        break;
      }
      if (word.many) call.opaque('environment');
      call.sets(variable, true);
    }
  }
  const command = args.slice(at);
  if (command.length > 0) {
    if (name === 'time' && reservedBehindTime.test(command[0]?.text ?? ''))
      return call.opaque('syntax-error');
    return call.words(command);
  }
  if (how.alone === 'interactive-shell' || args.some(({ text }) => text !== null && shellOf.has(text))) {
    return call.opaque('interactive-shell');
  }
  if (how.reported !== true) call.report(false);
}

const unknownPlace = -1;
const unknownOption = -2;

/** Where the command begins behind the options and operands; below zero when that cannot be told. */
function commandAt(args: readonly Word[], how: Wrapper, end: number): number {
  let at = 0;
  for (; at < end; at += 1) {
    const text = args[at]?.text ?? null;
    if (text === null) return unknownPlace;
    if (text === '--') {
      at += 1;
      break;
    }
    if (!text.startsWith('-')) break;
    if (text === '-') {
      if (how.flags?.includes('i') === true) continue;
      return unknownOption;
    }
    if (text.startsWith('--')) {
      const [option = '', value] = text.slice(2).split('=', 2);
      if (how.longValues?.includes(option) === true) at += value === undefined ? 1 : 0;
      else if (how.longFlags?.includes(option) !== true) return unknownOption;
    } else {
      const takesNext = lettersTakeNext(text.slice(1), how);
      if (takesNext === null) return unknownOption;
      if (takesNext) at += 1;
    }
    if (args[at]?.many === true) return unknownPlace;
  }
  const operands = args.slice(at, at + (how.operands ?? 0));
  if (operands.some(({ many }) => many)) return unknownPlace;
  return Math.min(at + (how.operands ?? 0), args.length);
}

/** Whether the last of these letters takes the next word; null when one is not known. */
function lettersTakeNext(letters: string, how: Wrapper): boolean | null {
  for (const [index, letter] of [...letters].entries()) {
    if (how.values?.includes(letter) === true) return index === letters.length - 1;
    if (how.attached?.includes(letter) === true) return false;
    if (how.flags?.includes(letter) !== true) return null;
  }
  return false;
}

/** `env -S 'rm -rf x'`: split at blanks; quotes, escapes and variables have rules of their own there. */
function splitString(call: Call, at: number): void {
  const option = call.args[at]?.text ?? null;
  const attached = /^-S(.+)$|^--split-string=(.*)$/s.exec(option ?? '');
  const text = attached?.[1] ?? attached?.[2] ?? call.args[at + 1]?.text ?? null;
  const isPlain = option !== null && (attached !== null || option === '-S' || option === '--split-string');
  if (!isPlain || text === null || /["'\\$#]/.test(text)) return call.opaque('dynamic-text');
  const words = text.split(/[ \t\n]+/).filter((word) => word !== '');
  const behind = call.args.slice(attached === null ? at + 2 : at + 1);
  call.words([constant('env'), ...call.args.slice(0, at), ...words.map(constant), ...behind]);
}

const xargsOptions: Wrapper = {
  flags: '0rtxpo',
  values: 'ILnPsEda',
  attached: 'ile',
  longFlags: ['null', 'no-run-if-empty', 'verbose', 'exit', 'interactive', 'open-tty'],
  longValues: ['max-args', 'max-procs', 'max-chars', 'delimiter', 'arg-file'],
};

/** Runs its words with others behind them, or in a placeholder's stead, which come from its input. */
function xargs(call: Call): void {
  const at = commandAt(call.args, xargsOptions, call.args.length);
  if (at < 0) return call.opaque(at === unknownPlace ? 'expanded-name' : 'runs-others');
  const command = call.args.slice(at);
  if (command.length === 0) return call.report(false);
  const options = call.args.slice(0, at).map(({ text }) => text ?? '');
  if (options.some((option) => /^-[0rtxpo]*[ile]/.test(option))) return call.opaque('runs-others');
  const replaces = options.findIndex((option) => /^-[0rtxpo]*I/.test(option));
  if (replaces < 0) return call.words([...command, unknownWords]);
  const written = (options[replaces] ?? '').replace(/^-[0rtxpo]*I/, '');
  call.words(withUnknown(command, written === '' ? (options[replaces + 1] ?? '') : written));
}

/** A word in which something is put is unknown: also a text that a shell reads. */
const withUnknown = (words: readonly Word[], placeholder: string): readonly Word[] =>
  words.map((word) => (word.text?.includes(placeholder) === true ? unknownWord : word));

const findRuns = new Set(['-exec', '-execdir', '-ok', '-okdir']);

function find(call: Call): void {
  call.report(false);
  const { args } = call;
  if (args.some(({ many }) => many)) call.opaque('expanded-name');
  for (let at = 0; at < args.length; at += 1) {
    const text = args[at]?.text ?? null;
    if (text === null || !findRuns.has(text)) continue;
    const from = at + 1;
    const end = args.findIndex(
      (word, index) =>
        index >= from && (word.text === ';' || (word.text === '+' && args[index - 1]?.text === '{}')),
    );
    if (end < 0) return call.opaque('syntax-error');
    call.words(withUnknown(args.slice(from, end), '{}'));
    at = end;
  }
}

const watchOptions: Wrapper = {
  flags: 'tbegcpxwC',
  values: 'nq',
  longFlags: ['no-title', 'beep', 'errexit', 'chgexit', 'color', 'precise', 'exec', 'no-wrap'],
  longValues: ['interval'],
};

/** Runs its words by `sh -c`, joined by blanks, or as they are with -x. */
function watch(call: Call): void {
  const at = commandAt(call.args, watchOptions, call.args.length);
  if (at < 0) return call.opaque(at === unknownPlace ? 'expanded-name' : 'runs-others');
  const command = call.args.slice(at);
  if (command.length === 0) return call.report(false);
  if (call.args.slice(0, at).some(({ head }) => head === '--exec' || /^-[a-z]*x/.test(head))) {
    return call.words(command);
  }
  if (command.some(({ text }) => text === null)) return call.opaque('dynamic-text');
  call.text(constant(command.map(({ text }) => text).join(' ')));
}

/** `su - user -c TEXT`, `runuser -u user -- command`. */
function su(call: Call): void {
  call.report(false);
  const words = call.args.map(({ text }) => text);
  if (words.includes(null)) return call.opaque('expanded-name');
  let text: string | null = null;
  let operands = 0;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word === '-c' || word === '--command') {
      at += 1;
      text = words[at] ?? null;
    } else if (word.startsWith('--command=')) text = word.slice('--command='.length);
    else if (call.name === 'runuser' && word === '-u') {
      const rest = call.args.slice(at + 2);
      return call.words(rest[0]?.text === '--' ? rest.slice(1) : rest);
    } else if (!word.startsWith('-')) operands += 1;
    else if (!/^(?:-|-[lmpf]|--login|--preserve-environment)$/.test(word)) return call.opaque('runs-others');
  }
  // What stands behind the user's name goes to the shell, options among it.
  if (operands > 1) return call.opaque('runs-others');
  if (text === null) return call.opaque('interactive-shell');
  call.text(constant(text));
}
