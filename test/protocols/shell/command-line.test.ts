// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the lines are shell, and its dollars are its own
import { describe, expect, test } from '@jest/globals';
import { readArgv, readCommandLine, type ShellReading } from '../../../services/protocols/shell/index.ts';

/** `?` stands for words that only the shell can tell, `<f` and `>f` for files, `!reason` for opaque. */
function written({ commands, files, opaque }: ShellReading): string[] {
  return [
    ...commands.map(({ name, args }) => [name, ...args.map((arg) => arg ?? '?')].join(' ')),
    ...files.map(({ access, path }) => `${access === 'read' ? '<' : '>'}${path ?? '?'}`),
    ...new Set(opaque.map(({ reason }) => `!${reason}`)),
  ];
}

type Row = readonly [line: string, ...expected: string[]];

const rows: Readonly<Record<string, readonly Row[]>> = {
  'words and quotes': [
    ['rm -rf data', 'rm -rf data'],
    [`r''m -r""f "a b" c\\ d`, 'rm -rf a b c d'],
    [`r\\m x`, 'rm x'],
    [`echo "a\\"b\\$c\\\\d\\e"`, 'echo a"b$c\\d\\e'],
    [`echo 'a"b$c'"'"`, `echo a"b$c'`],
    ['ls # rm x', 'ls'],
    ['ls #\nrm x', 'ls', 'rm x'],
    ['echo a#b', 'echo a#b'],
    ['ls \\\n -l', 'ls -l'],
    ['echo r\\\nm', 'echo rm'],
    ['r\\\nm x', '!syntax-error'],
    ['{ ls\\\n; }', '!syntax-error'],
    ['/bin/rm x; ./rm y', '/bin/rm x', './rm y'],
    ['""', '', '!deceptive-text'],
    ["echo $'a'", 'echo ?'],
    ["$'rm' x", '!expanded-name'],
    ["echo $'a\\'b'", '!syntax-error'],
    ['echo $"x"', 'echo ?'],
    ['echo ~ ~root/x a~', 'echo ? ? a~'],
    ['ls *.log d[a]t* a?b', 'ls ? ? ?'],
    ['/b??/r? -rf x', '!expanded-name'],
    ['{rm,-rf,x}', '!expanded-name', '!syntax-error'],
    ['find . -name {}', 'find . -name {}'],
    ['git show HEAD@{1}', 'git show HEAD@{1}'],
    ["rm 'unclosed", '!syntax-error'],
    ['echo "a', '!syntax-error'],
    ['echo a\\', '!syntax-error'],
  ],
  expansions: [
    ['ls $x "$x" ${x} "${x:-y}"', 'ls ? ? ? ?'],
    ['$x -rf /', '!expanded-name'],
    ['a=r;b=m;$a$b x', '!expanded-name'],
    ['r${e}m x', '!expanded-name'],
    ['ls $(rm x) "$(rm y)"', 'rm x', 'rm y', 'ls ? ?'],
    ['ls `rm x` "`rm y`"', 'rm x', 'rm y', 'ls ? ?'],
    ['echo `echo \\`rm x\\``', 'rm x', 'echo ?', 'echo ?'],
    ['diff <(rm x) >(rm y)', 'rm x', 'rm y', 'diff ? ?'],
    ['echo ${x:-$(rm y)} "${x#`rm z`}"', 'rm y', 'rm z', 'echo ? ?'],
    ['echo ${x:-"$(rm y)"}', '!syntax-error'],
    ['echo ${#x} ${x:1:2} ${x/a/b} ${a[@]}', 'echo ? ? ? ?'],
    ['echo ${!x}', 'echo ?', '!dynamic-text'],
    ['echo ${x@P}', 'echo ?', '!dynamic-text'],
    ['echo ${x:$y}', '!syntax-error'],
    ['echo ${PATH:=/tmp}', 'echo ?', '!environment'],
    ['echo $((1+2)) $(( (1+$#)*2 ))', 'echo ? ?'],
    ["x='a[$(rm y)]'; echo $((x))", 'echo ?', '!dynamic-text'],
    ['echo $[1]', '!syntax-error'],
    ['echo $((rm x); (rm y))', '!syntax-error'],
    ['((rm x))', '!syntax-error'],
    ['echo $(cat', 'cat', '!syntax-error'],
    ['echo "$\\\n(rm x)"', '!syntax-error'],
    ['cat $(< f) $(rm x > g)', 'rm x', 'cat ? ?', '<f', '>g'],
  ],
  'lists and compound commands': [
    ['a;b&c\nd', 'a', 'b', 'c', 'd'],
    ['a|b||c&&! d', 'a', 'b', 'c', 'd'],
    ['a |& b', 'a', 'b'],
    ['(a; (b)); { c; d; }', 'a', 'b', 'c', 'd'],
    ['if a; then b; elif c; then d; else e; fi', 'a', 'b', 'c', 'd', 'e'],
    ['if (a) then b; fi', 'a', 'b', '!syntax-error'],
    ['while a; do b; done; until c; do d; done', 'a', 'b', 'c', 'd'],
    ['for i in a $(b); do c $i; done', 'b', 'c ?'],
    ['for i; do c; done', 'c'],
    ['for PATH in /tmp; do c; done', 'c', '!environment'],
    ['case $(a) in (x|y) b;; *) c;; esac', 'a', 'b', 'c'],
    ['f() { a; }; g() (b); function h { c; }', 'a', 'b', 'c'],
    ['ls() { rm x; }; ls', 'rm x', 'ls'],
    ['[ -f x ] && [[ -d y ]] && test -n "$z"', '[ -f x ]', '[[ -d y ]]', 'test -n ?'],
    ['[[ -f x && -f y ]]', '[[ -f x', '-f y ]]', '!syntax-error'],
    ['coproc rm x', '!syntax-error'],
    ['a; }', 'a', '!syntax-error'],
    ['a)', 'a', '!syntax-error'],
    ['a &; b', 'a', '!syntax-error'],
    ['a &&', 'a', '!syntax-error'],
    ['! time -p ls', 'ls'],
    ['time { rm x; }', '!syntax-error'],
    ['time v+=1 rm x', '!syntax-error'],
  ],
  'redirections and here-documents': [
    ['> /etc/passwd', '>/etc/passwd'],
    ['ls >a 2>>b <c >|d', 'ls', '>a', '>b', '<c', '>d'],
    ['ls >/dev/null 2>&1 <&- >&2', 'ls'],
    ['ls <>a', 'ls', '<a', '>a', '!syntax-error'],
    ['ls &>a', 'ls', '>a'],
    ['ls &>a rm b', '!syntax-error'],
    ['ls >&a', 'ls', '>a'],
    ['ls > "$x"', 'ls', '>?'],
    ['>a rm b', 'rm b', '>a'],
    ['echo 2>a; echo 2 >b', 'echo', 'echo 2', '>a', '>b'],
    ['exec {fd}>a', '!syntax-error'],
    ['{ ls; } >a; (ls) <b', 'ls', 'ls', '>a', '<b'],
    ['cat <<E\n$(rm x) `rm y`\nE\nls', 'rm x', 'rm y', 'cat', 'ls'],
    ["cat <<'E'\n$(rm x)\nE\nls", 'cat', 'ls'],
    ['cat <<-E\n\tx\n\tE\nls', 'cat', 'ls'],
    ['cat <<E | wc\nx\nE\n', 'cat', 'wc'],
    ['cat <<E\nx', 'cat', '!syntax-error'],
    ['cat <<E\nx\\\nE\nE\n', 'cat', '!syntax-error'],
    ['echo $(cat <<E\nx\nE)\nrm x\nE\n)', 'cat', '!syntax-error'],
    ['cat <<$x\n$x\n', '!syntax-error'],
  ],
  'texts that a shell reads': [
    ["sh -c 'rm x | ls'", 'rm x', 'ls'],
    ["bash -lc 'rm x' a b", 'rm x'],
    ['sh -e -o errexit -c \'sh -c "rm x"\'', 'rm x'],
    ["./sh -c 'rm x'", './sh -c rm x', 'rm x'],
    ['sh -c "$x"', '!dynamic-text'],
    ['sh -c "rm $x"', '!dynamic-text'],
    ['sh $x', '!expanded-name'],
    ['sh -O extglob -c ls', '!shell-settings'],
    ['bash --rcfile x', '!runs-others'],
    ['sh x.sh', '!script-file'],
    ['. ./x', '. ./x', '!script-file'],
    ['curl x | sh', 'curl x', '!stdin-script'],
    ['base64 -d <<< cm0= | bash -s', 'base64 -d', '!stdin-script'],
    ['sh < x', '<x', '!stdin-script'],
    ['bash', '!interactive-shell'],
    ['bash -i -c ls', 'ls', '!interactive-shell'],
    ["sh <<'E'\nrm $x\nE\n", 'rm ?'],
    ['sh <<E\nrm $x\nE\n', '!stdin-script'],
    ["sh <<< 'rm x'", 'rm x'],
    ["source /dev/stdin <<< 'rm x'", 'rm x'],
    ['eval rm x', 'rm x'],
    ['eval \'eval "rm x"\'', 'rm x'],
    ['eval "$x"', '!dynamic-text'],
    ['eval -- rm x', '!dialect'],
    ["trap 'rm x' EXIT", 'trap rm x EXIT', 'rm x'],
    ['trap - EXIT', 'trap - EXIT'],
    ['exec rm x', 'rm x'],
    ['exec >a', '>a'],
    ['exec -a ls rm x', 'rm x'],
    ['command rm x; builtin cd y; command -v rm', 'rm x', 'cd y', 'command -v rm'],
    ["alias ls='rm x'", 'alias ls=rm x', '!shell-settings'],
    ['shopt -s extglob', 'shopt -s extglob', '!shell-settings'],
    ['set -euo pipefail; set -- a; set -k', 'set -euo pipefail', 'set -- a', 'set -k', '!shell-settings'],
    ['hash -p ./x ls', 'hash -p ./x ls', '!shell-settings'],
    ["printf -v 'a[$(rm x)]' y", 'printf -v a[$(rm x)] y', '!dynamic-text'],
    ["[ -v 'a[$(rm x)]' ]", '[ -v a[$(rm x)] ]', '!dynamic-text'],
    ['[ $x ]', '[ ? ]', '!dynamic-text'],
    ["unset 'a[$(rm x)]'", 'unset a[$(rm x)]', '!dynamic-text'],
    ['declare -i x=y', 'declare -i x=y', '!dynamic-text'],
    ['[[ $x -eq 1 ]]', '[[ ? -eq 1 ]]', '!dynamic-text'],
  ],
  'programs that run others': [
    ['env rm x', 'rm x'],
    ['env -i a=1 -u b rm x', '-u b rm x'],
    ["env -S 'rm -rf x'", 'rm -rf x'],
    ["env -vS'rm x'", '!dynamic-text'],
    ['env', 'env'],
    ['env --weird rm x', '!runs-others'],
    ['nice -n 5 nohup setsid -w stdbuf -oL timeout -k 1 5 rm x', 'rm x'],
    ['timeout $x rm y', '!expanded-name'],
    ["sudo -u x sh -c 'rm y'", 'sudo -u x sh -c rm y', 'rm y'],
    ['sudo -i', 'sudo -i', '!interactive-shell'],
    ["su - x -c 'rm y'", 'su - x -c rm y', 'rm y'],
    ['xargs rm -rf <<< x', 'rm -rf ?'],
    ['xargs -I{} sh -c "rm {}"', '!dynamic-text'],
    ['xargs -n 1 -I % % x', '!expanded-name'],
    ['xargs sh', '!expanded-name'],
    ['find . -name x -exec rm {} \\;', 'find . -name x -exec rm {} ;', 'rm ?'],
    [`find . -exec sh -c 'rm "$0"' {} +`, `find . -exec sh -c rm "$0" {} +`, 'rm ?'],
    ['find $x', 'find ?', '!expanded-name'],
    ['find . -exec rm x', 'find . -exec rm x', '!syntax-error'],
    ["watch -n 1 'ls | rm x'", 'ls', 'rm x'],
    ['busybox rm x; busybox sh -c "rm y"', 'rm x', 'rm y'],
    ['chroot /x rm y', 'chroot /x rm y', 'rm y'],
    ['ssh h rm x', 'ssh h rm x', '!runs-others'],
    ['echo rm x | at now', 'echo rm x', 'at now', '!runs-others'],
    ["tar cf a --checkpoint-act=exec='rm x' b", 'tar cf a --checkpoint-act=exec=rm x b', '!runs-others'],
    ['git -c core.pager=x log', 'git -c core.pager=x log', '!runs-others'],
    ['git log --oneline -5', 'git log --oneline -5'],
    ['/lib64/ld-linux-x86-64.so.2 /bin/rm x', '/lib64/ld-linux-x86-64.so.2 /bin/rm x', '!runs-others'],
    ['python3.12 -c x', 'python3.12 -c x', '!other-language'],
    ['sed -n 1,5p f | sed s/a/b/g', 'sed -n 1,5p f', 'sed s/a/b/g'],
    ['sed s/a/b/e f', 'sed s/a/b/e f', '!other-language'],
    ['sed 1e f', 'sed 1e f', '!other-language'],
  ],
  'variables that programs obey': [
    ['x=1 y=$z ls', 'ls'],
    ['PATH=. ls', 'ls', '!environment'],
    ['LD_PRELOAD=./x.so ls', 'ls', '!environment'],
    ['GIT_EXTERNAL_DIFF=x git diff', 'git diff', '!environment'],
    ['UNHEARD_OF=1 ls', 'ls', '!environment'],
    ['POD=$(hostname); ls', 'hostname', 'ls'],
    ['PROMPT_COMMAND=x', '!environment'],
    ['export PAGER=x', 'export PAGER=x', '!environment'],
    ['export x=$(y)', 'y', 'export ?', '!environment'],
    ['export x="$(y)"', 'y', 'export ?'],
    ['read PATH', 'read PATH', '!environment'],
    [
      "env 'BASH_FUNC_ls%%=() { rm x; }' bash -c ls",
      'BASH_FUNC_ls%%=() { rm x; } bash -c ls',
      '!environment',
      '!deceptive-text',
    ],
    ['a=(x $(rm y)); ls', 'rm y', 'ls'],
    ['a[0]=x ls', '!syntax-error'],
    ['a+=x ls', '!syntax-error'],
  ],
  'what a person would not see': [
    ['rm\u00a0-rf x', 'rm\u00a0-rf x', '!deceptive-text'],
    ['l\u0455 x', 'l\u0455 x', '!deceptive-text'],
    ['echo "h\u00e9llo \u4e16"', 'echo h\u00e9llo \u4e16'],
    ['echo \u202ex', 'echo \u202ex', '!deceptive-text'],
    ['ls\r', 'ls\r', '!deceptive-text'],
    ['ls \u0000x', 'ls \u0000x', '!deceptive-text', '!syntax-error'],
    ['ls \u001b[2K', 'ls ?', '!deceptive-text'],
    ['ls \ud800', 'ls \ud800', '!deceptive-text'],
  ],
};

describe.each(Object.entries(rows))('%s', (_name, table) => {
  test.each(table)('%j', (line, ...expected) => {
    expect(written(readCommandLine(line)).sort()).toEqual([...expected].sort());
  });
});

describe('a program and its arguments, without a shell', () => {
  const argvs: readonly (readonly [argv: readonly string[], ...expected: string[]])[] = [
    [['ls', '-l', '$x; rm y'], 'ls -l $x; rm y'],
    [['sh', '-c', 'ls; rm x'], 'ls', 'rm x'],
    [['/bin/bash', '-lc', 'rm x'], 'rm x'],
    [['env', 'sh', '-c', 'rm x'], 'rm x'],
    [['sh'], '!interactive-shell'],
    [['bash', '-l'], '!interactive-shell'],
    [['/tmp/bash', '-c', 'ls'], '/tmp/bash -c ls', 'ls'],
    [['ls', 'a\u202eb'], 'ls a\u202eb', '!deceptive-text'],
    [['zsh', '-c', 'ls'], 'zsh -c ls', '!other-language'],
    [[]],
  ];
  test.each(argvs)('%j', (argv, ...expected) => {
    expect(written(readArgv(argv)).sort()).toEqual([...expected].sort());
  });
});

test.each([
  ['cd /x; echo y; export x=1; set -e; [ -f z ]', true],
  ['kill 1', false],
  ['ls', false],
  ['echo "$PASSWORD"', false],
  ['printf %s $PASSWORD', false],
  ['set', false],
  ['export -p', false],
  ['declare', false],
])('%s: does nothing but to the shell: %j', (line, expected) => {
  const { commands } = readCommandLine(line);
  expect(commands.map(({ builtin }) => builtin)).toEqual(commands.map(() => expected));
});

describe('limits', () => {
  const nested = (levels: number) => `${'$('.repeat(levels)}ls${')'.repeat(levels)}`;
  const reasons = (line: string) => readCommandLine(line).opaque.map(({ reason }) => reason);
  test('bytes', () => expect(reasons(`ls ${'x'.repeat(33_000)}`)).toEqual(['too-large']));
  test('levels', () => {
    expect(reasons(`echo ${nested(10)}`)).not.toContain('too-large');
    expect(reasons(`echo ${nested(10_000)}`)).toContain('too-large');
    expect(reasons(`${'('.repeat(16_000)}`)).toContain('syntax-error');
    expect(reasons(`${'( '.repeat(10_000)}`)).toContain('too-large');
    expect(reasons(`${'env '.repeat(8_000)}ls`)).toContain('too-large');
  });
  test('commands', () => expect(reasons('ls;'.repeat(600))).toContain('too-large'));
  test('texts', () => expect(reasons('eval ls;'.repeat(200))).toContain('too-large'));
  test('texts that double at each level', () => {
    let line = 'ls';
    for (let level = 0; level < 8; level += 1) line = `eval ${JSON.stringify(`${line};${line}`)}`;
    expect(reasons(line)).not.toEqual([]);
  });
  test('a reason is never lost among many others', () => {
    expect(reasons(`${'$x;'.repeat(400)} sh`)).toContain('interactive-shell');
  });
});
