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

// Control characters (line breaks and ESC among them), the separators U+2028 and U+2029 that end a line too, and the
// embeddings, overrides and isolates that reorder the text around them (CVE-2021-42574). Joiners and direction marks
// stay: Persian, Hindi and emoji are written with them.
const unsafe = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069"

const safePattern = new RegExp(`^[^${unsafe}]*$`, "u")
const unsafeRuns = new RegExp(`[${unsafe}]+`, "gu")

/**
 * {@link textUpTo} that is one line and shows its characters in the order they are stored in: names and labels, which
 * others put into mail headers, logs and terminals.
 */
export const lineUpTo = (max: number) =>
  textUpTo(max).check(
    Schema.makeFilter(
      (text: string) =>
        text.includes("\0") ||
        safePattern.test(text) ||
        "Line breaks, control characters and bidirectional overrides are not allowed.",
      {
        toJsonSchema: () => [{ pattern: safePattern.source }, true],
        arbitraryConstraint: { patterns: [{ source: "^[ -~]*$", flags: "" }] }
      }
    )
  )

/** Puts a space in place of what {@link lineUpTo} refuses, in text from outside that is kept or shown all the same. */
export const toLine = (text: string): string => text.replaceAll(unsafeRuns, " ")
