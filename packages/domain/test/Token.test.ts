import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TokenClaims } from "@user-service/domain/Token"

const access = {
  userId: "01890a5d-ac96-774b-bcce-b302099a8057",
  sessionId: "01890a5d-ac96-774b-bcce-b302099a8058",
  tokenId: "01890a5d-ac96-774b-bcce-b302099a8059",
  tokenType: "access",
  issuedAt: 1_700_000_000,
  expiresAt: 1_700_003_600
}
const accepts = (value: unknown) => Effect.isSuccess(Schema.decodeUnknownEffect(TokenClaims)(value))

describe("TokenClaims", () => {
  it.effect("a refresh token has a generation, an access token needs none", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(access))
      assert.isFalse(yield* accepts({ ...access, tokenType: "refresh" }))
      assert.isTrue(yield* accepts({ ...access, tokenType: "refresh", generation: 0 }))
      assert.isFalse(yield* accepts({ ...access, tokenType: "refresh", generation: -1 }))
    })
  )

  it.effect.each([
    ["user id", { userId: "7" }],
    ["session id", { sessionId: "" }],
    ["token id", { tokenId: "a b" }],
    ["time", { expiresAt: 1.5 }],
    ["type", { tokenType: "id" }]
  ])("an odd %s is refused", ([, change]) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts({ ...access, ...(change as object) }))
    })
  )
})
