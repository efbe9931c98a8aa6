import { Schema } from "effect"

const plain = Schema.makeFilter(
  (text: string) =>
    text.includes("\0") ? "Null characters are not allowed." : text.isWellFormed() || "Enter valid Unicode text.",
  { toJsonSchema: () => [{}, true] }
)

/** Text that all engines can store: without NUL and lone surrogates. Every string of a request body must be one. */
export const Text = Schema.String.check(plain)

/** The check for at most `max` characters: Unicode code points, as PostgreSQL and JSON Schema count them. */
export const isUpTo = (max: number) =>
  Schema.isMaxCodePoints(max, { message: `Ensure this field has no more than ${max} characters.` })

/** {@link Text} of at most `max` characters. */
export const textUpTo = (max: number) => Text.check(isUpTo(max))

// Control characters (including line breaks and ESC), the line separators U+2028 and U+2029, and the bidirectional embeddings, overrides
// and isolates that reorder surrounding text (CVE-2021-42574). Joiners and direction marks are allowed, because Persian,
// Hindi and emoji need them.
const unsafe = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069"

const safePattern = new RegExp(`^[^${unsafe}]*$`, "u")
const unsafeRuns = new RegExp(`[${unsafe}]+`, "gu")

/**
 * {@link textUpTo} without line breaks and reordering characters. For names and labels, which other systems put into mail headers,
 * logs and terminals.
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

/** Replaces the characters that {@link lineUpTo} refuses by spaces, for external text that must be stored or shown. */
export const toLine = (text: string): string => text.replaceAll(unsafeRuns, " ")
