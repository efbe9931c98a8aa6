import { Schema } from "effect"

const plain = Schema.makeFilter(
  (text: string) =>
    text.includes("\0") ? "Null characters are not allowed." : text.isWellFormed() || "Enter valid Unicode text.",
  { toJsonSchema: () => [{}, true] }
)

/** Text that every store here can hold: no NUL, no lone surrogate. Every string of a request body is one. */
export const Text = Schema.String.check(plain)

/** The check for at most `max` characters: Unicode code points, as PostgreSQL and JSON Schema count them. */
export const isUpTo = (max: number) =>
  Schema.isMaxCodePoints(max, { message: `Ensure this field has no more than ${max} characters.` })

/** {@link Text} of at most `max` characters. */
export const textUpTo = (max: number) => Text.check(isUpTo(max))
