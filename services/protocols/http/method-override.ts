import type { Header } from '../request.ts';

/**
 * Whether this is `_method` to some server, as the name of a parameter or a form's field: Rails, Laravel, Symfony and others then run another method. PHP
 * takes spaces off a name's beginning, makes `_` of dots, spaces and an open bracket, and stops at a NUL; Rack takes brackets off.
 */
export const isMethodName = (name: string): boolean =>
  /^[\s[\]]*[_.\s[]method(?![\p{L}\p{N}_-])/iu.test(name);

/** A form's field of that name. */
export function overridesMethod(headers: readonly Header[], body: Buffer): boolean {
  const types = headers.filter(({ name }) => name === 'content-type').map(({ value }) => value.toLowerCase());
  const type = types.join();
  if (type.includes('multipart/')) return partNames(body.toString('latin1')).some(isMethodName);
  // What has no type Rack takes for a form.
  if (type.trim() !== '' && !type.includes('x-www-form-urlencoded')) return false;
  return body
    .toString('latin1')
    .split(/[&;]/)
    .map((part) => unescaped(part.split('=')[0]?.replaceAll('+', ' ') ?? ''))
    .some(isMethodName);
}

/** `name="x"`, also without quotes or between single ones (PHP), and `name*=utf-8''x` (RFC 5987). */
const partNames = (body: string): readonly string[] =>
  [...body.matchAll(/\bname(\*?)\s*=\s*([^\r\n;]*)/gi)].map(([, star, value = '']) =>
    (star === '' ? value : unescaped(value.replace(/^[^']*'[^']*'/, ''))).replaceAll(/["'\\]/g, ''),
  );

const unescaped = (written: string): string =>
  written.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
