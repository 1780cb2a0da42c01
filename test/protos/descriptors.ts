import { createRequire } from 'node:module';

/** google/protobuf/descriptor.proto as google-protobuf reads it, which has no types of its own: what is used here. */
interface DescriptorModule {
  readonly FileDescriptorProto: { deserializeBinary(bytes: Uint8Array): FileDescriptor };
}

interface FileDescriptor {
  getPackage(): string;
  getMessageTypeList(): readonly MessageDescriptor[];
  getEnumTypeList(): readonly EnumDescriptor[];
  getServiceList(): readonly ServiceDescriptor[];
}

interface MessageDescriptor {
  getName(): string;
  getFieldList(): readonly FieldDescriptor[];
  getNestedTypeList(): readonly MessageDescriptor[];
  getEnumTypeList(): readonly EnumDescriptor[];
  getOneofDeclList(): readonly { getName(): string }[];
}

interface FieldDescriptor {
  getName(): string;
  getNumber(): number;
  getType(): number;
  getTypeName(): string;
  getLabel(): number;
  hasOneofIndex(): boolean;
  getOneofIndex(): number;
}

interface EnumDescriptor {
  getName(): string;
  getValueList(): readonly { getName(): string; getNumber(): number }[];
}

interface ServiceDescriptor {
  getName(): string;
  getMethodList(): readonly {
    getName(): string;
    getInputType(): string;
    getOutputType(): string;
    getClientStreaming(): boolean;
    getServerStreaming(): boolean;
  }[];
}

const { FileDescriptorProto } = createRequire(import.meta.url)(
  'google-protobuf/google/protobuf/descriptor_pb.js',
) as DescriptorModule; // the interface above is what its documentation says

/** One line for a message, field, enum value or method, with all that decides about bytes and names. */
export interface Declaration {
  readonly name: string;
  readonly line: string;
}

/**
 * What serialized FileDescriptorProtos declare. Names of types are made full where the writer left them relative (as
 * protobufjs does), by the language's own rule: the innermost scope first.
 */
export function declarations(serialized: readonly Uint8Array[]): readonly Declaration[] {
  const files = serialized.map((bytes) => FileDescriptorProto.deserializeBinary(bytes));
  const types = new Set(files.flatMap((file) => typeNames(`.${file.getPackage()}`, file)));
  const fullName = (scope: string, name: string): string => {
    if (name === '' || name.startsWith('.')) return name;
    for (let outer = scope; outer !== ''; outer = outer.slice(0, outer.lastIndexOf('.'))) {
      if (types.has(`${outer}.${name}`)) return `${outer}.${name}`;
    }
    return `.${name}`;
  };
  return files.flatMap((file) => {
    const scope = `.${file.getPackage()}`;
    return [
      ...file.getMessageTypeList().flatMap((message) => ofMessage(scope, message, fullName)),
      ...file.getEnumTypeList().flatMap((type) => ofEnum(scope, type)),
      ...file.getServiceList().flatMap((service) => ofService(scope, service)),
    ];
  });
}

function typeNames(
  scope: string,
  file: {
    getEnumTypeList(): readonly EnumDescriptor[];
    getMessageTypeList?(): readonly MessageDescriptor[];
    getNestedTypeList?(): readonly MessageDescriptor[];
  },
): readonly string[] {
  const messages = file.getMessageTypeList?.() ?? file.getNestedTypeList?.() ?? [];
  return [
    ...file.getEnumTypeList().map((type) => `${scope}.${type.getName()}`),
    ...messages.flatMap((message) => {
      const name = `${scope}.${message.getName()}`;
      return [name, ...typeNames(name, message)];
    }),
  ];
}

function ofMessage(
  scope: string,
  message: MessageDescriptor,
  fullName: (scope: string, name: string) => string,
): readonly Declaration[] {
  const name = `${scope}.${message.getName()}`;
  const oneofs = message.getOneofDeclList().map((oneof) => oneof.getName());
  return [
    { name, line: 'message' },
    ...message.getFieldList().map((field) => ({
      name: `${name}.${field.getName()}`,
      line: [
        `field ${field.getNumber()}`,
        `type ${field.getType()} ${fullName(name, field.getTypeName())}`.trim(),
        `label ${field.getLabel()}`,
        `oneof ${field.hasOneofIndex() ? oneofs[field.getOneofIndex()] : 'none'}`,
      ].join(', '),
    })),
    ...message.getNestedTypeList().flatMap((nested) => ofMessage(name, nested, fullName)),
    ...message.getEnumTypeList().flatMap((type) => ofEnum(name, type)),
  ];
}

const ofEnum = (scope: string, type: EnumDescriptor): readonly Declaration[] =>
  type.getValueList().map((value) => ({
    name: `${scope}.${type.getName()}.${value.getName()}`,
    line: `enum value ${value.getNumber()}`,
  }));

const ofService = (scope: string, service: ServiceDescriptor): readonly Declaration[] =>
  service.getMethodList().map((method) => {
    const input = `${method.getClientStreaming() ? 'stream ' : ''}${method.getInputType()}`;
    const output = `${method.getServerStreaming() ? 'stream ' : ''}${method.getOutputType()}`;
    return {
      name: `${scope}.${service.getName()}.${method.getName()}`,
      line: `method (${input}) returns (${output})`,
    };
  });

/**
 * The serialized FileDescriptorProtos of that file name inside a binary. The C++ protobuf library keeps them as they are,
 * one for each file, beginning with field 1, the name; some files are in Envoy twice, once for old and once for new
 * options.
 */
export function descriptorsIn(binary: Buffer, fileName: string): readonly Uint8Array[] {
  const start = Buffer.concat([Buffer.from([0x0a, fileName.length]), Buffer.from(fileName)]);
  const found: Uint8Array[] = [];
  for (let at = binary.indexOf(start); at >= 0; at = binary.indexOf(start, at + 1)) {
    const end = endOfDescriptor(binary, at);
    // The name also stands in the lists of files that import it; a descriptor has more than its name.
    if (end > at + start.length) found.push(binary.subarray(at, end));
  }
  return found;
}

/** FileDescriptorProto's fields of wire type 2 (length-delimited); all others of the type are varints, and rare. */
const lengthDelimited = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 12]);

/** Follows the fields until something comes that is no field of a FileDescriptorProto: zeros, or the next one's name. */
function endOfDescriptor(binary: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const [tag, afterTag] = varint(binary, at);
    const field = tag >>> 3;
    if ((tag & 7) !== 2 || !lengthDelimited.has(field) || (field === 1 && at !== start)) return at;
    const [length, afterLength] = varint(binary, afterTag);
    if (afterLength + length > binary.length) return at;
    at = afterLength + length;
  }
}

/** @returns the value and where the next one begins */
function varint(binary: Buffer, start: number): readonly [number, number] {
  let value = 0;
  for (let at = start, shift = 0; shift < 28; at += 1, shift += 7) {
    const byte = binary[at] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at + 1];
  }
  return [0, start];
}
