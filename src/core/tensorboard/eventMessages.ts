import { float32At, float64At, readFields, type WireField, WireWriter, wireTypes } from './protobufWire.ts';

/** Field numbers of TensorFlow's event.proto, summary.proto and tensor.proto, as far as scalars need them. */
const event = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const sessionStatus = 1;
const sessionStart = 1;
const summaryValue = 1;
const value = { tag: 1, simpleValue: 2, tensor: 8, metadata: 9 } as const;
const pluginData = 1;
const pluginName = 1;
const tensor = { dtype: 1, shape: 2, content: 4, float: 5, double: 6, int: 7, int64: 10 } as const;
const shapeDimension = 2;
const dtypes = { float: 1, double: 2, int32: 3, int64: 9 } as const;

const eventFileVersion = 'brain.Event:2';

/** One event, of which only scalars are kept. */
export interface ScalarEvent {
  /** Unix seconds. */
  wallTime: number;
  step: number;
  scalars: [tag: string, value: number][];
}

/** The first record of every event file. */
export function versionEvent(wallTime: number): Uint8Array {
  return new WireWriter().double(event.wallTime, wallTime).text(event.fileVersion, eventFileVersion).done();
}

/** Says that a session starts at `step`. From a run's second session on, TensorBoard drops what it has from that step on. */
export function startEvent(wallTime: number, step: number): Uint8Array {
  return new WireWriter()
    .double(event.wallTime, wallTime)
    .varint(event.step, step)
    .bytes(event.sessionLog, new WireWriter().varint(sessionStatus, sessionStart).done())
    .done();
}

const floatValueBytes = 5;

/** Writes events. Tags repeat in all of them, so they are encoded once. */
export class EventEncoder {
  /** The field `tag` of a value, as it stands in every event. */
  readonly #tags = new Map<string, Uint8Array>();

  /**
   * Values of one step as `simple_value`: the one form that every reader of event files knows. It is a 32-bit float, so a
   * value is rounded to about 7 digits and one beyond ±3.4e38 is infinite.
   */
  encode({ wallTime, step, scalars }: ScalarEvent): Uint8Array {
    const summary = new WireWriter();
    for (const [tag, number] of scalars) {
      const named = this.#tag(tag);
      summary
        .open(summaryValue, named.length + floatValueBytes)
        .raw(named)
        .float(value.simpleValue, number);
    }
    return new WireWriter()
      .double(event.wallTime, wallTime)
      .varint(event.step, step)
      .bytes(event.summary, summary.done())
      .done();
  }

  #tag(tag: string): Uint8Array {
    let bytes = this.#tags.get(tag);
    if (!bytes) {
      bytes = new WireWriter().text(value.tag, tag).done();
      this.#tags.set(tag, bytes);
    }
    return bytes;
  }
}

/** Reads the events of one file. A tag's plugin may be named in its first event only, so one reader reads a file in order. */
export class EventDecoder {
  readonly #plugins = new Map<string, string>();

  /** @throws BiphaseError `damaged` where the bytes are no message */
  decode(message: Uint8Array): ScalarEvent {
    const decoded: ScalarEvent = { wallTime: 0, step: 0, scalars: [] };
    for (const field of readFields(message)) {
      if (field.number === event.wallTime && field.type === wireTypes.fixed64)
        decoded.wallTime = float64At(field.bytes);
      else if (field.number === event.step && field.type === wireTypes.varint) decoded.step = field.value;
      else if (field.number === event.summary && field.type === wireTypes.bytes)
        for (const one of readFields(field.bytes))
          if (one.number === summaryValue && one.type === wireTypes.bytes)
            this.#value(one.bytes, decoded.scalars);
    }
    return decoded;
  }

  #value(message: Uint8Array, scalars: ScalarEvent['scalars']): void {
    let tag = '';
    let simple: number | undefined;
    let content: Uint8Array | undefined;
    let plugin: string | undefined;
    for (const field of readFields(message)) {
      if (field.number === value.simpleValue && field.type === wireTypes.fixed32)
        simple = float32At(field.bytes);
      if (field.type !== wireTypes.bytes) continue;
      if (field.number === value.tag) tag = text(field.bytes);
      else if (field.number === value.tensor) content = field.bytes;
      else if (field.number === value.metadata) plugin = pluginOf(field.bytes);
    }
    if (plugin !== undefined) this.#plugins.set(tag, plugin);
    if (simple === undefined && content && this.#plugins.get(tag) === 'scalars') simple = scalarOf(content);
    if (simple !== undefined) scalars.push([tag, simple]);
  }
}

function pluginOf(metadata: Uint8Array): string | undefined {
  for (const field of readFields(metadata))
    if (field.number === pluginData && field.type === wireTypes.bytes)
      for (const one of readFields(field.bytes))
        if (one.number === pluginName && one.type === wireTypes.bytes) return text(one.bytes);
  return undefined;
}

/** The number of a tensor without dimensions; undefined where it is no such number. */
function scalarOf(message: Uint8Array): number | undefined {
  let dtype = 0;
  let content = new Uint8Array(0);
  const values: number[] = [];
  for (const field of readFields(message)) {
    if (field.number === tensor.dtype && field.type === wireTypes.varint) dtype = field.value;
    else if (field.number === tensor.shape && field.type === wireTypes.bytes) {
      for (const one of readFields(field.bytes)) if (one.number === shapeDimension) return undefined;
    } else if (field.number === tensor.content && field.type === wireTypes.bytes)
      content = Uint8Array.from(field.bytes);
    else values.push(...repeated(field));
  }
  if (values.length > 0) return values.length === 1 ? values[0] : undefined;
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  if (dtype === dtypes.float && content.length === 4) return view.getFloat32(0, true);
  if (dtype === dtypes.double && content.length === 8) return view.getFloat64(0, true);
  if (dtype === dtypes.int32 && content.length === 4) return view.getInt32(0, true);
  if (dtype === dtypes.int64 && content.length === 8) return Number(view.getBigInt64(0, true));
  // A zero may be left out altogether.
  const known: readonly number[] = Object.values(dtypes);
  return content.length === 0 && known.includes(dtype) ? 0 : undefined;
}

/** Values of `float_val`, `double_val`, `int_val` and `int64_val`, packed or not. */
function repeated(field: WireField): number[] {
  const { number } = field;
  if (number === tensor.float && field.type === wireTypes.fixed32) return [float32At(field.bytes)];
  if (number === tensor.double && field.type === wireTypes.fixed64) return [float64At(field.bytes)];
  if (number === tensor.int || number === tensor.int64) {
    if (field.type === wireTypes.varint) return [field.value];
    if (field.type === wireTypes.bytes) return packedVarints(field.bytes);
  }
  if (field.type !== wireTypes.bytes) return [];
  if (number === tensor.float && field.bytes.length === 4) return [float32At(field.bytes)];
  if (number === tensor.double && field.bytes.length === 8) return [float64At(field.bytes)];
  // More than one value: no scalar.
  const more = (number === tensor.float || number === tensor.double) && field.bytes.length > 0;
  return more ? [Number.NaN, Number.NaN] : [];
}

function packedVarints(bytes: Uint8Array): number[] {
  if (bytes.length === 0) return [];
  let ends = 0;
  for (const byte of bytes) if (byte < 0x80) ends++;
  if (ends !== 1 || bytes[bytes.length - 1]! >= 0x80) return [Number.NaN, Number.NaN];
  // One value: as if it stood alone in a field.
  const field = new Uint8Array(bytes.length + 1);
  field[0] = 8;
  field.set(bytes, 1);
  const [only] = readFields(field);
  return only?.type === wireTypes.varint ? [only.value] : [];
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
