import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  bodyPart,
  headChanged,
  ownAnswer,
  readProcessingRequest,
  requestBodyPart,
  requestHeadUnchanged,
  requestTrailersUnchanged,
  trailersChanged,
} from '../../services/edge/ext-proc/messages.ts';
import { serviceDefinition } from '../../services/edge/protos.ts';
import { bytesField, numberField, toBytes, WireError, type Written } from '../../services/edge/wire.ts';

/** The general reader and writer, made of protos/: what is written by hand must say the same. */
const definition = serviceDefinition('envoy.service.ext_proc.v3.ExternalProcessor')['Process'];
if (definition === undefined) throw new Error('protos/ declares no Process');
const encoded = (message: object): Buffer => definition.requestSerialize(message);
const decoded = (bytes: Buffer): unknown => definition.responseDeserialize(bytes);

const written = (bytes: Buffer): Written => bytes.toString('latin1');

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const value = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((byte) => String.fromCharCode(byte)),
  minLength: 1,
  maxLength: 300,
});
const headers = fc.array(fc.record({ name, value }), { maxLength: 20 });
const mapOf = (list: readonly { readonly name: string; readonly value: string }[]): object => ({
  headers: list.map((header) => ({ key: header.name, rawValue: Buffer.from(header.value, 'latin1') })),
});

describe('what Envoy sends', () => {
  test('the head of an answer, with what was decided on its request', () => {
    fc.assert(
      fc.property(
        headers,
        fc.boolean(),
        fc.string(),
        fc.string({ minLength: 1 }),
        fc.integer({ min: 100, max: 599 }),
        fc.constantFrom('answer-1', 'streams-1', 'both-ways-1', ''),
        (list, isEnd, action, details, status, reader) => {
          const bytes = encoded({
            responseHeaders: {
              headers: mapOf([{ name: ':status', value: String(status) }, ...list]),
              endOfStream: isEnd,
            },
            metadataContext: {
              filterMetadata: [
                { key: 'another.filter', value: { fields: { action: { stringValue: 'not this' } } } },
                {
                  key: 'envoy.filters.http.ext_authz',
                  value: {
                    fields: {
                      session: { stringValue: 's' },
                      action: { stringValue: action },
                      reader: { stringValue: reader },
                      count: { numberValue: 1 },
                    },
                  },
                },
              ],
            },
            attributes: [
              {
                key: 'envoy.filters.http.ext_proc',
                value: { fields: { 'response.code_details': { stringValue: details } } },
              },
            ],
          });
          expect(readProcessingRequest(bytes)).toEqual({
            kind: 'head',
            head: { status, headers: list, hasBody: !isEnd },
            exchange: { action, session: 's', isKept: reader.startsWith('streams-') },
            codeDetails: details,
          });
        },
      ),
    );
  });

  test('a head without a word of what was decided', () => {
    expect(readProcessingRequest(encoded({ responseHeaders: {} }))).toEqual({
      kind: 'head',
      head: { status: 0, headers: [], hasBody: true },
      exchange: { action: null, session: null, isKept: false },
      codeDetails: null,
    });
    expect(readProcessingRequest(Buffer.alloc(0))).toEqual({ kind: 'other' });
  });

  test('parts of bodies, and trailers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000 }), fc.boolean(), headers, (body, isLast, list) => {
        const part = encoded({ responseBody: { body: Buffer.from(body), endOfStream: isLast } });
        expect(readProcessingRequest(part)).toEqual({ kind: 'body', body: Buffer.from(body), isLast });
        const trailers = encoded({ responseTrailers: { trailers: mapOf(list) } });
        expect(readProcessingRequest(trailers)).toEqual({ kind: 'trailers', headers: list });
      }),
    );
  });

  test('what the client sends, where both sides are read', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70_000 }),
        fc.boolean(),
        headers,
        fc.string(),
        (body, isLast, list, session) => {
          const head = encoded({
            requestHeaders: { headers: mapOf(list), endOfStream: isLast },
            metadataContext: {
              filterMetadata: [
                {
                  key: 'envoy.filters.http.ext_authz',
                  value: { fields: { session: { stringValue: session } } },
                },
              ],
            },
          });
          expect(readProcessingRequest(head)).toEqual({
            kind: 'request-head',
            exchange: { action: null, session, isKept: false },
          });
          const part = encoded({ requestBody: { body: Buffer.from(body), endOfStream: isLast } });
          expect(readProcessingRequest(part)).toEqual({
            kind: 'request-body',
            body: Buffer.from(body),
            isLast,
          });
          const trailers = encoded({ requestTrailers: { trailers: mapOf(list) } });
          expect(readProcessingRequest(trailers)).toEqual({ kind: 'request-trailers' });
        },
      ),
    );
  });

  test('fields that are not read are passed over, of whatever type and wherever they stand', () => {
    const unread = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }).map((bytes) => bytesField(100, written(Buffer.from(bytes)))),
        fc.nat().map((number) => numberField(101, number)),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(unread, unread, fc.uint8Array({ maxLength: 50 }), (before, behind, body) => {
        const within = [
          ...before,
          bytesField(1, written(Buffer.from(body))),
          ...behind,
          numberField(2, 1),
        ].join('');
        const read = readProcessingRequest(toBytes(before.join('') + bytesField(5, within)));
        expect(read).toEqual({ kind: 'body', body: Buffer.from(body), isLast: true });
      }),
    );
  });

  test('any other bytes are read as something or are malformed, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          readProcessingRequest(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('what Envoy is told', () => {
  const options = (list: readonly { readonly name: string; readonly value: string }[]) =>
    list.map((header, index) => ({
      header: { key: header.name, rawValue: Buffer.from(header.value, 'latin1') },
      ...(list.findIndex((each) => each.name === header.name) === index
        ? { appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' }
        : { append: { value: true } }),
    }));

  test('changed heads and trailers', () => {
    fc.assert(
      fc.property(headers, fc.array(name, { maxLength: 5 }), (set, remove) => {
        const mutation = {
          ...(set.length === 0 ? {} : { setHeaders: options(set) }),
          ...(remove.length === 0 ? {} : { removeHeaders: remove }),
        };
        expect(decoded(headChanged({ set, remove }))).toEqual({
          responseHeaders: { response: { headerMutation: mutation } },
        });
        expect(decoded(trailersChanged({ set, remove }))).toEqual({
          responseTrailers: { headerMutation: mutation },
        });
      }),
    );
  });

  test('parts of bodies', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000 }), fc.boolean(), (body, endOfStream) => {
        expect(decoded(bodyPart(Buffer.from(body), endOfStream))).toEqual({
          responseBody: {
            response: { bodyMutation: { streamedResponse: { body: Buffer.from(body), endOfStream } } },
          },
        });
        expect(decoded(requestBodyPart(Buffer.from(body), endOfStream))).toEqual({
          requestBody: {
            response: { bodyMutation: { streamedResponse: { body: Buffer.from(body), endOfStream } } },
          },
        });
      }),
    );
  });

  test('that heads and trailers of requests go on as they are', () => {
    expect(decoded(requestHeadUnchanged)).toEqual({ requestHeaders: { response: { headerMutation: {} } } });
    expect(decoded(requestTrailersUnchanged)).toEqual({ requestTrailers: { headerMutation: {} } });
  });

  test('an answer of our own', () => {
    const answer = {
      kind: 'answer',
      status: 502,
      headers: [{ name: 'a', value: 'b' }],
      body: '{}\n',
      notes: {},
    } as const;
    expect(decoded(ownAnswer(answer, 503))).toEqual({
      immediateResponse: {
        status: { code: 'ServiceUnavailable' },
        headers: { setHeaders: options(answer.headers) },
        body: Buffer.from('{}\n'),
        details: 'refused_by_gateway',
      },
    });
  });
});
