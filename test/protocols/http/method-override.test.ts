import { expect, test } from '@jest/globals';
import { isMethodName, overridesMethod } from '../../../services/protocols/http/method-override.ts';

test.each([
  '_method',
  '_METHOD',
  ' _method',
  '.method',
  '[method',
  ' .method',
  '[_method]',
  ']]_method]',
  '_method[]',
  '_method\0x',
  '_method ',
])('%j is _method to some server', (name) => {
  expect(isMethodName(name)).toBe(true);
  const form = [{ name: 'content-type', value: 'application/x-www-form-urlencoded' }];
  expect(overridesMethod(form, Buffer.from(`a=1&${encodeURIComponent(name)}=DELETE`))).toBe(true);
  expect(overridesMethod(form, Buffer.from(`a=1;${name.replaceAll(' ', '+')}=DELETE`))).toBe(true);
  expect(overridesMethod(form, Buffer.from(`a=${encodeURIComponent(name)}`))).toBe(false);
});

test.each([
  'method',
  'payment_method',
  'the.method',
  'x[method]',
  '_methods',
  '_method_name',
  '_method-id',
  '',
])('%j is another name', (name) => {
  expect(isMethodName(name)).toBe(false);
});

test('a form is one without a type too, and with several', () => {
  const body = Buffer.from('_method=DELETE');
  const typed = (...types: readonly string[]) => types.map((value) => ({ name: 'content-type', value }));
  expect(overridesMethod([], body)).toBe(true);
  expect(overridesMethod(typed(''), body)).toBe(true);
  expect(overridesMethod(typed('text/plain', 'application/x-www-form-urlencoded'), body)).toBe(true);
  expect(overridesMethod(typed('text/plain'), body)).toBe(false);
});

test.each<[string, boolean]>([
  ['name="_method"', true],
  ['name=_method', true],
  ["name='_method'", true],
  ['NAME = "_method"; x=y', true],
  ['name="\\_method"', true],
  ["name*=utf-8''_method", true],
  ["name*=UTF-8'en'%5Fmethod", true],
  ['name=".method"', true],
  ['name="[_method]"', true],
  ['name="payment_method"', false],
  ['name="f"; filename="_method"', false],
  ['name="f"; filename="method.txt"', false],
])('in a part of a multipart form: %s', (parameter, isOverride) => {
  const headers = [{ name: 'content-type', value: 'multipart/form-data; boundary=x' }];
  const body = `--x\r\nContent-Disposition: form-data; ${parameter}\r\n\r\nDELETE\r\n--x--\r\n`;
  expect(overridesMethod(headers, Buffer.from(body))).toBe(isOverride);
});
