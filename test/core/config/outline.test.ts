import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadIdentity, loadStateDir } from '../../../services/core/config/load-section.ts';
import { smallest, smallestFiles } from './configs.ts';
import { folderWith, load } from './folder.ts';

describe('what policies are checked against', () => {
  test('is there when the rest of the config is whole', () => {
    const { outline, folder } = load(smallest, smallestFiles);
    expect(outline).toEqual({
      targets: [{ name: 'shop', protocol: 'postgres' }],
      listeners: [{ name: 'postgres', protocol: 'postgres' }],
      policyFiles: [join(folder, 'policies/shop.yaml')],
    });
  });

  test('is there when a secret is not', () => {
    const { outline, settings } = load(smallest, smallestFiles, { env: {} });
    expect(settings).toBeNull();
    expect(outline?.targets).toEqual([{ name: 'shop', protocol: 'postgres' }]);
  });

  test.each([
    ['a target has no name', smallest.replace('name: shop', 'nme: shop')],
    [
      'a target is of no known protocol',
      smallest.replace('protocol: postgres\n    host', 'protocol: x\n    host'),
    ],
    ['there are no listeners', smallest.replace('listeners:', 'listners:')],
    ['a policy file is not there', smallest.replace('policies/*.yaml', 'policies/none.yaml')],
    ['there is nothing at all', ''],
  ])('is not known when %s', (_, yaml) => {
    expect(load(yaml, smallestFiles).outline).toBeNull();
  });
});

describe('a section alone', () => {
  const file = (text: string): string => join(folderWith({ 'sallyport.yaml': text }), 'sallyport.yaml');

  test('is read without the secrets of others', () => {
    const { section, problems } = loadIdentity(file(smallest), {});
    expect(problems).toEqual([]);
    expect(section?.issuers.map(({ url }) => url)).toEqual(['https://login.example.com']);
  });

  test('tells what is wrong with it, and where', () => {
    const path = file(smallest.replace('https://login', 'ftp://login'));
    const { section, problems } = loadIdentity(path, {});
    expect(section).toBeNull();
    expect(problems).toMatchObject([{ file: path, line: 9, column: 12 }]);
    expect(problems[0]?.message).toMatch(/^identity\.issuers\[0\]\.url: must begin with https/);
  });

  test('that is missing is told', () => {
    expect(loadIdentity(file('{}'), {}).problems[0]?.message).toBe('identity: is missing');
    expect(loadIdentity('/nonexistent/sallyport.yaml', {}).problems[0]?.message).toBe(
      'The file does not exist.',
    );
  });

  test('the state folder is beside the config, where it says nothing', () => {
    const path = file(smallest);
    expect(loadStateDir(path).section).toBe(path.replace('sallyport.yaml', 'sallyport-state'));
    expect(loadStateDir(file('gateway: {stateDir: /var/lib/sallyport}')).section).toBe('/var/lib/sallyport');
    expect(loadStateDir(file('gateway: {stateDir: 7}')).problems[0]?.message).toMatch(
      /^gateway\.stateDir: must be text/,
    );
  });
});
