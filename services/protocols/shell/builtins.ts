import type { Call, Meaning } from './call.ts';
import { constant, type Word } from './reading.ts';

const harmless: Meaning = (call) => call.report(true);

const always =
  (reason: Parameters<Call['opaque']>[0]): Meaning =>
  (call) => {
    call.report(true);
    call.opaque(reason);
  };

/** In bash a name may hold a subscript, which is evaluated: `unset 'a[$(id)]'`. */
const isPlain = ({ text }: Word): boolean => text !== null && !text.includes('[');
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

function evaluated(call: Call): void {
  const { args } = call;
  if (args.some(({ text }) => text === null)) return call.opaque('dynamic-text');
  // bash takes `--` for the end of its options, dash for a command.
  if (args[0]?.text?.startsWith('-') === true) return call.opaque('dialect');
  call.text(constant(args.map(({ text }) => text).join(' ')));
}

function sourced(call: Call): void {
  const isStdin = call.args[0]?.text === '/dev/stdin' || call.args[0]?.text === '/dev/fd/0';
  if (isStdin && typeof call.stdin === 'object') return call.text(constant(call.stdin.text));
  call.report(true);
  call.opaque(isStdin ? 'stdin-script' : 'script-file');
}

function executed(call: Call): void {
  const { args } = call;
  let at = 0;
  for (; args[at]?.text?.startsWith('-') === true; at += 1) {
    const option = args[at]?.text;
    if (option === '--') {
      at += 1;
      break;
    }
    if (option === '-a') at += 1;
    else if (option !== '-c' && option !== '-l' && option !== '-cl') return call.opaque('runs-others');
  }
  if (at < args.length) call.words(args.slice(at));
}

function commandItself(call: Call): void {
  const { args } = call;
  const [option] = args;
  if (option?.text === '-v' || option?.text === '-V') return call.report(true);
  const rest = option?.text === '-p' || option?.text === '--' ? args.slice(1) : args;
  if (rest.length === 0) return call.report(true);
  if (rest[0]?.text?.startsWith('-') === true) return call.opaque('runs-others');
  call.words(rest);
}

function declared(call: Call): void {
  // Without names it shows all variables, as `env` does.
  call.report(call.args.some(({ head }) => !head.startsWith('-')));
  let exported = call.name === 'export';
  for (const { text, many, head } of call.args) {
    if (head.startsWith('-')) {
      // -i evaluates what is assigned, -n makes the name a name of another.
      if (text === null || /[in]/.test(text)) call.opaque('dynamic-text');
      if (head.includes('x')) exported = true;
      continue;
    }
    const name = head.split('=', 1)[0] ?? '';
    if (!variableName.test(name)) call.opaque('dynamic-text');
    else if (many || (text === null && !head.includes('='))) call.opaque('environment');
    else call.sets(name, exported);
  }
}

function unset(call: Call): void {
  call.report(true);
  for (const word of call.args) {
    if (word.text === '-f' || word.text === '-v') continue;
    if (!isPlain(word)) call.opaque('dynamic-text');
    else call.sets(word.head, false);
  }
}

function read(call: Call): void {
  call.report(true);
  for (const word of call.args) {
    if (!isPlain(word)) call.opaque('dynamic-text');
    else if (variableName.test(word.head)) call.sets(word.head, false);
  }
}

/** What only the shell knows may be somebody's secret: `echo "$PASSWORD"` shows it, as `env` would. */
const showsConstants = ({ args }: Call): boolean => args.every(({ text }) => text !== null);

/** `-v NAME[...]` evaluates; an unknown first word may be that. */
function printed(call: Call): void {
  call.report(showsConstants(call));
  const [first] = call.args;
  if (first !== undefined && (first.text === null || first.text.startsWith('-v')))
    call.opaque('dynamic-text');
}

const binaryOperators = new Set('= == != < > -eq -ne -lt -le -gt -ge -nt -ot -ef -a -o =~ ] ]] )'.split(' '));
const evaluatingTests = new Set(['-v', '-R']);
const arithmeticTests = new Set(['-eq', '-ne', '-lt', '-le', '-gt', '-ge']);

/** `-v 'a[$(id)]'` evaluates, and an unknown word may be `-v`, unless an operator stands behind it. */
function tested(call: Call): void {
  call.report(true);
  const { args } = call;
  const suspicious = args.some(
    ({ text, many }, index) =>
      many ||
      (text !== null && evaluatingTests.has(text)) ||
      (text === null && index + 1 < args.length && !binaryOperators.has(args[index + 1]?.text ?? '')),
  );
  if (suspicious) call.opaque('dynamic-text');
}

/** Nothing is split in `[[`, but both sides of its arithmetic are evaluated. */
function doubleTested(call: Call): void {
  call.report(true);
  const { args } = call;
  if (args.at(-1)?.text !== ']]') return call.opaque('syntax-error');
  const suspicious = args.some(
    ({ text }, index) =>
      text !== null &&
      (evaluatingTests.has(text) ||
        (arithmeticTests.has(text) &&
          ![args[index - 1], args[index + 1]].every((operand) => /^-?[0-9]+$/.test(operand?.text ?? '')))),
  );
  if (suspicious) call.opaque('dynamic-text');
}

/** Options that stop or trace the shell, and positional parameters; others change what words mean. */
const settableOptions = /^[-+][efhmuvxnC]+$/;
const settableNames = new Set(
  'allexport errexit noclobber noexec noglob nounset pipefail verbose xtrace'.split(' '),
);

function set(call: Call): void {
  call.report(call.args.length > 0);
  const { args } = call;
  for (let at = 0; at < args.length; at += 1) {
    const text = args[at]?.text;
    if (text === '--') return;
    if (text === null || text === undefined) return call.opaque('shell-settings');
    if (!/^[-+]/.test(text)) return;
    const named = /^([-+][efhmuvxnC]*)o$/.exec(text);
    if (named !== null) {
      at += 1;
      if (at < args.length && !settableNames.has(args[at]?.text ?? '')) return call.opaque('shell-settings');
    } else if (!settableOptions.test(text)) return call.opaque('shell-settings');
  }
}

function trapped(call: Call): void {
  call.report(true);
  const [action, ...signals] = call.args;
  if (action === undefined || action.text === '-l' || action.text === '-p') return;
  if (action.text === '--' || signals.length === 0) {
    // One word is a signal whose trap is taken away, and `--` is read by some shells alone.
    if (action.text === '--' || action.many) call.opaque('dynamic-text');
    return;
  }
  if (action.text === null) call.opaque('dynamic-text');
  else if (action.text !== '-' && action.text !== '') call.text(action);
}

function aliased(call: Call): void {
  call.report(true);
  if (call.args.some(({ text }) => text === null || text.includes('='))) call.opaque('shell-settings');
}

function hashed(call: Call): void {
  call.report(true);
  if (call.args.some(({ text }) => text !== '-r')) call.opaque('shell-settings');
}

function waited(call: Call): void {
  call.report(true);
  if (call.args.some(({ text, many }) => many || text?.startsWith('-') === true)) call.opaque('dynamic-text');
}

const named = (names: string, meaning: Meaning): readonly (readonly [string, Meaning])[] =>
  names.split(' ').map((name) => [name, meaning]);

/** The shell's own commands: what they do to later commands, and which texts they run. */
export const builtins: ReadonlyMap<string, Meaning> = new Map([
  ...named(
    ': true false cd pwd exit return break continue shift umask ulimit times type jobs dirs pushd popd disown',
    harmless,
  ),
  ...named('eval', evaluated),
  ...named('. source', sourced),
  ...named('exec', executed),
  ...named('command builtin', commandItself),
  ...named('export readonly declare typeset local', declared),
  ...named('unset', unset),
  ...named('read', read),
  ...named('getopts let mapfile readarray', always('dynamic-text')),
  ...named('echo', (call) => call.report(showsConstants(call))),
  ...named('printf', printed),
  ...named('test [', tested),
  ...named('[[', doubleTested),
  ...named('set', set),
  ...named('trap', trapped),
  ...named('alias', aliased),
  ...named('unalias', harmless),
  ...named('hash', hashed),
  ...named('wait', waited),
  ...named('shopt enable bind complete compgen compopt fc history caller suspend', always('shell-settings')),
]);
