import { IdempotencyKey } from "@user-service/domain/IdempotencyKey"
import { Option, Schema } from "effect"
import type { Problems } from "../Envelope.ts"

/** The header of an endpoint that takes an idempotency key. {@link idempotencyKeyOf} reads it. */
export const idempotencyKeyHeader = { "idempotency-key": Schema.optionalKey(Schema.String) }

const decode = Schema.decodeUnknownOption(IdempotencyKey)

// A string of structured fields (RFC 9651, section 3.3.3).
const quoted = /^"((?:[^"\\]|\\["\\])*)"$/

/**
 * The idempotency key in the value of the header. The draft quotes it, most clients do not; both forms are the same key. None if
 * the value is no key.
 */
export const idempotencyKeyOf = (value: string): Option.Option<IdempotencyKey> => {
  const text = quoted.exec(value)?.[1]?.replaceAll(/\\(["\\])/g, "$1")
  return text === undefined && value.startsWith('"') ? Option.none() : decode(text ?? value)
}

/** The problems of the header, under its name. */
export const idempotencyKeyProblems = (headers: Readonly<Record<string, string | undefined>>): Problems => {
  const value = headers["idempotency-key"]
  return value === undefined || Option.isSome(idempotencyKeyOf(value))
    ? {}
    : { "Idempotency-Key": ["Enter 1 to 255 printable ASCII characters, bare or as a quoted string."] }
}
