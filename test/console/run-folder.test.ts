import { expect, test } from '@jest/globals';
import { consoleSocket, consoleSockets } from '../../services/console/run-folder.ts';

test('the sockets of the API are known by their names, in the order of the workers', () => {
  const names = [
    ...['console.api.10.sock', 'edge.2.sock', 'console.api.2.sock', 'console.api.sock', 'console.sock'],
    ...['console.api.0.sock', 'console.api.2.sock.full', 'envoy.json', 'console.api.1.sock'],
  ];
  expect(consoleSockets(names)).toEqual([
    'console.api.sock',
    'console.api.1.sock',
    'console.api.2.sock',
    'console.api.10.sock',
  ]);
  expect([null, 3].map((worker) => consoleSocket('/state', worker))).toEqual([
    '/state/run/console.api.sock',
    '/state/run/console.api.3.sock',
  ]);
});
