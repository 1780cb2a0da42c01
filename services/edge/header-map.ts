import type { Header } from '../protocols/request.ts';
import type { WireReader } from './wire.ts';

/** envoy.config.core.v3.HeaderMap. */
export function readHeaders(reader: WireReader): readonly Header[] {
  const headers: Header[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) headers.push(readHeader(reader.message()));
  }
  return headers;
}

/** envoy.config.core.v3.HeaderValue; of its two values the bytes, where both are there. */
function readHeader(reader: WireReader): Header {
  let name = '';
  let text = '';
  let raw = '';
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) name = reader.text().toLowerCase();
    else if (field === 2) text = reader.latin1();
    else if (field === 3) raw = reader.latin1();
  }
  return { name, value: raw === '' ? text : raw };
}
