import { assert, describe, it } from "@effect/vitest"
import { SessionId } from "@user-service/domain/Session"
import { UserId } from "@user-service/domain/User"
import { Keys } from "@user-service/security/Keys"
import * as SeenTokens from "@user-service/security/SeenTokens"
import { Effect } from "effect"

const claims = {
  userId: UserId.make("01890a5d-ac96-774b-bcce-b302099a8057"),
  sessionId: SessionId.make("01890a5d-ac96-774b-bcce-b302099a8058"),
  tokenId: "01890a5d-ac96-774b-bcce-b302099a8059",
  tokenType: "access" as const,
  issuedAt: 0,
  expiresAt: 1
}
const ring = Effect.map(Keys, (keys) => keys.current()).pipe(Effect.provide(Keys.layerMemory, { local: true }))

describe("SeenTokens", () => {
  it.effect("when full, it removes the token that was added first", () =>
    Effect.gen(function* () {
      const keys = yield* ring
      const seen = SeenTokens.make(2)
      seen.get(keys, "a")
      for (const digest of ["a", "b", "c"]) seen.add(keys, digest, claims)
      assert.deepStrictEqual(
        ["a", "b", "c"].map((digest) => seen.get(keys, digest)),
        [undefined, claims, claims]
      )
    })
  )

  it.effect("a change of the keys removes every token", () =>
    Effect.gen(function* () {
      const [before, after] = [yield* ring, yield* ring]
      const seen = SeenTokens.make(2)
      seen.get(before, "a")
      seen.add(before, "a", claims)
      assert.isUndefined(seen.get(after, "a"))
      assert.isUndefined(seen.get(before, "a"))
    })
  )

  it.effect("a token that was verified with keys replaced meanwhile is not stored", () =>
    Effect.gen(function* () {
      const [before, after] = [yield* ring, yield* ring]
      const seen = SeenTokens.make(2)
      seen.get(before, "a")
      seen.get(after, "b")
      seen.add(before, "a", claims)
      assert.isUndefined(seen.get(after, "a"))
    })
  )
})
