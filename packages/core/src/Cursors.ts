// The cursors of lists that are read by keys (decision 0041).
import { CursorInvalid } from "@user-service/domain/Cursor"
import { Context, Effect, Layer, Schema } from "effect"
import { Digest } from "effect/crypto"
import * as Base64Url from "effect/encoding/Base64Url"

/** The position of a row in an ordered list: the value that the list is ordered by, as text, and the id of the row. */
export interface RowKey {
  /** Microseconds since 1970 for a time. Null for none. */
  readonly value: string | null
  readonly id: string
}

/** The list that a cursor belongs to: its name, filter and order. */
export type CursorScope = ReadonlyArray<string | number | null>

const Payload = Schema.fromJsonString(
  Schema.Tuple([Schema.String, Schema.NullOr(Schema.String), Schema.String.check(Schema.isUUID())])
)
const decodePayload = Schema.decodeUnknownEffect(Payload)

/** Whether the text is the value of a time in a {@link RowKey}. */
export const isMicroseconds = (value: string): boolean =>
  /^-?\d{1,16}$/.test(value) && Number.isSafeInteger(Number(value))

const encoder = new TextEncoder()

// So many characters of a digest that no two lists share them by accident.
const digestLength = 16

/**
 * Cursors of lists that are read by keys: base64url of a digest of the list and the key of the last row. They are opaque, and not
 * secret: whoever may read the list may read it from any key on.
 */
export class Cursors extends Context.Service<
  Cursors,
  {
    readonly encode: (scope: CursorScope, key: RowKey) => Effect.Effect<string>
    /** Fails if the text is no cursor, or one of another list, or if `isValue` refuses its value. */
    readonly decode: (
      scope: CursorScope,
      cursor: string,
      isValue: (value: string | null) => boolean
    ) => Effect.Effect<RowKey, CursorInvalid>
  }
>()("@user-service/core/Cursors") {
  static readonly layer = Layer.effect(
    Cursors,
    Effect.gen(function* () {
      const digest = yield* Digest.Digest

      const digestOf = (scope: CursorScope) =>
        Effect.map(digest.digest(Digest.sha256, encoder.encode(JSON.stringify(scope))), (bytes) =>
          Base64Url.encode(bytes).slice(0, digestLength)
        )

      return {
        encode: (scope, { id, value }) =>
          Effect.map(digestOf(scope), (list) => Base64Url.encode(JSON.stringify([list, value, id]))),

        decode: Effect.fnUntraced(
          function* (scope, cursor, isValue) {
            const text = yield* Effect.fromResult(Base64Url.decodeString(cursor))
            const [list, value, id] = yield* decodePayload(text)
            if (list !== (yield* digestOf(scope)) || !isValue(value)) return yield* new CursorInvalid()
            return { value, id: id.toLowerCase() }
          },
          Effect.mapError(() => new CursorInvalid())
        )
      }
    })
  )
}
