import { Arbitrary, Schema } from "effect"

// What rules for text trip over: NUL, white space, `@`, a combining accent, both halves of a pair, a case that grows.
const odd = Schema.Literals([0, 0x09, 0x0a, 0x20, 0x40, 0x41, 0x65, 0x0301, 0x00a0, 0x0130, 0xfeff, 0xd83d, 0xde00])
const unit = Schema.Union([odd, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff }))])

/** Any string there is, lone surrogates and all. */
export const anyText = Arbitrary.map(Arbitrary.array(Arbitrary.schema(unit), { maxLength: 60 }), (units) =>
  String.fromCharCode(...units)
)
