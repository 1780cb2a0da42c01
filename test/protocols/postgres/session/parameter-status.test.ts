import { expect, test } from '@jest/globals';
import {
  parameterMayPass,
  sessionMeaningHolds,
} from '../../../../services/protocols/postgres/session/parameter-status.ts';

test.each([
  ['server_version', true],
  ['TimeZone', true],
  ['standard_conforming_strings', true],
  // Free text: a statement can put data into it (set_config with a selected value).
  ['application_name', false],
  ['search_path', false],
  ['app.anything', false],
  ['timezone', false],
  ['', false],
])('a change of %s reaches the client: %s', (name, passes) => {
  expect(parameterMayPass(name)).toBe(passes);
});

test.each([
  ['client_encoding', 'UTF8', true],
  ['client_encoding', 'LATIN1', false],
  ['client_encoding', 'utf8', false],
  ['standard_conforming_strings', 'on', true],
  ['standard_conforming_strings', 'off', false],
  ['DateStyle', 'German', true],
])('%s = %s leaves the session readable: %s', (name, value, holds) => {
  expect(sessionMeaningHolds(name, value)).toBe(holds);
});
