import { Schema } from "effect"

const plain = Schema.makeFilter((text: string) =>
  text.includes("\0") ? "Null characters are not allowed." : text.isWellFormed() || "Enter valid Unicode text."
)

/** Text that every store here can hold: no NUL, no lone surrogate. Every string of a request body is one. */
export const Text = Schema.String.check(plain)

/** {@link Text} of at most `max` UTF-16 code units. */
export const textUpTo = (max: number) =>
  Text.check(Schema.isMaxLength(max, { message: `Ensure this field has no more than ${max} characters.` }))
