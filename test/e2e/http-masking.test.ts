import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { envoyBinary } from '../servers/envoy.ts';
import { HttpGateway } from './http-gateway.ts';

/** As the standard one, with masks. */
const maskingPolicy = `\
policies:
  - name: agents
    targets: [billing]
    principals: [{kinds: [agent]}]
    rules:
      - {name: all, effects: [get, head, post], paths: ['/**'], outcome: allow}
    masks:
      - {fields: ['**.ssn', 'users[*].email'], with: full, inConditions: allow}
      - {fields: ['header:x-owner'], with: redact}
      - {detect: [card, email], with: redact}
`;

let gateway: HttpGateway;
beforeAll(async () => {
  await envoyBinary();
  gateway = await HttpGateway.start({ policy: maskingPolicy });
}, 600_000);
afterAll(() => gateway[Symbol.asyncDispose]());

describe('an answer of JSON', () => {
  test('comes with its fields masked', async () => {
    gateway.target.answer = (_, response) => {
      response.setHeader('content-type', 'application/json');
      response.setHeader('etag', '"abc"');
      response.setHeader('x-owner', 'Ada');
      response.setHeader('link', '<https://x.example/?u=ada%40example.com>; rel=next');
      response.end(
        JSON.stringify({
          ssn: '123-45-6789',
          users: [{ email: 'ada@example.com', note: '4111111111111111' }],
        }),
      );
    };
    const answer = await gateway.fetch('/users/7');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      ssn: '********',
      users: [{ email: '********', note: '[masked]' }],
    });
    expect(answer.headers.get('etag')).toBe(null);
    expect(answer.headers.get('x-owner')).toBe('[masked]');
    expect(answer.headers.get('link')).toBe('<https://x.example/?u=[masked]>; rel=next');
  });
});
