import type { Call } from './call.ts';
import { constant } from './reading.ts';

/** Shells whose language script.ts reads. */
export const shells: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'ash', 'rbash']);

const flags = /^[-+][abefhilmnpruvxBCEHPT]*$/;
const harmlessLong = new Set(['--login', '--noprofile', '--norc', '--posix', '--noediting', '--verbose']);
const settableNames = new Set('errexit noclobber noglob nounset pipefail posix verbose xtrace'.split(' '));

/** `sh -c TEXT`, `sh FILE`, `sh -s`, `sh`: POSIX's sh and the options of bash. */
export function readShell(call: Call): void {
  const { args, stdin } = call;
  let readsText = false;
  let readsStdin = false;
  let at = 0;
  for (; at < args.length; at += 1) {
    const text = args[at]?.text ?? null;
    if (text === null) return call.opaque(readsText ? 'dynamic-text' : 'expanded-name');
    if (text === '--' || text === '-') {
      at += 1;
      break;
    }
    if (!/^[-+]./.test(text)) break;
    if (text.startsWith('--')) {
      if (!harmlessLong.has(text)) return call.opaque('runs-others');
      continue;
    }
    if (text.includes('c')) readsText = true;
    if (text.includes('s')) readsStdin = true;
    if (text.includes('i')) call.opaque('interactive-shell');
    const others = text.replaceAll(/[cs]/g, '');
    if (/^[-+][a-zA-Z]*o$/.test(others) && flags.test(others.slice(0, -1))) {
      at += 1;
      if (!settableNames.has(args[at]?.text ?? '')) return call.opaque('shell-settings');
    } else if (!flags.test(others)) return call.opaque('shell-settings');
  }
  const operand = args[at];
  if (readsText) return operand === undefined ? call.report(false) : call.text(operand);
  if (operand !== undefined && !readsStdin) {
    const isStdin = operand.text === '/dev/stdin' || operand.text === '/dev/fd/0';
    return call.opaque(isStdin ? 'stdin-script' : 'script-file');
  }
  if (typeof stdin === 'object') return call.text(constant(stdin.text));
  call.opaque(stdin === 'inherited' ? 'interactive-shell' : 'stdin-script');
}
