import type { Problem } from '../../core/model/problem.ts';
import { messageText } from './message-text.ts';
import type { Styles } from './screen.ts';

/** `file:line:column: error: message`, as compilers write it, so that editors and terminals make a link of it. */
export function problemLine(
  { severity, file, line, column, message }: Problem,
  { bold, red, yellow }: Styles,
): string {
  const colour = severity === 'error' ? red : yellow;
  return `${bold(`${messageText(file)}:${line}:${column}:`)} ${colour(`${severity}:`)} ${messageText(message)}`;
}

/** `2 errors, 1 warning` */
export function problemCount(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  return [counted(errors, 'error'), counted(warnings, 'warning')].filter((text) => text !== '').join(', ');
}

const counted = (count: number, what: string): string =>
  count === 0 ? '' : `${count} ${what}${count === 1 ? '' : 's'}`;

export const hasError = (problems: readonly Problem[]): boolean =>
  problems.some(({ severity }) => severity === 'error');
