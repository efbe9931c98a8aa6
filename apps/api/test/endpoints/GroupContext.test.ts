import { assert, describe, it } from "@effect/vitest"
import { narrowContext } from "@user-service/api/endpoints/GroupContext"
import { WriteLimit } from "@user-service/schema/http/WriteLimit"
import { Context, Effect, Layer } from "effect"

class Used extends Context.Service<Used, string>()("@user-service/api/test/endpoints/GroupContext.test/Used") {}
class Unused extends Context.Service<Unused, string>()("@user-service/api/test/endpoints/GroupContext.test/Unused") {}
class Seen extends Context.Service<Seen, Context.Context<Used>>()(
  "@user-service/api/test/endpoints/GroupContext.test/Seen"
) {}

const group = Layer.effect(Seen, Effect.context<Used>())
const around = Layer.mergeAll(
  Layer.succeed(Used, "used"),
  Layer.succeed(Unused, "unused"),
  Layer.succeed(WriteLimit, (handler) => handler)
)

describe("narrowContext", () => {
  it.effect("a group sees the middlewares and the services that it names, and no others", () =>
    Effect.gen(function* () {
      const seen = Context.get(yield* Layer.build(group.pipe(narrowContext(Used), Layer.provide(around))), Seen)
      assert.strictEqual(Context.get(seen, Used), "used")
      assert.isTrue(seen.mapUnsafe.has(WriteLimit.key))
      assert.isFalse(seen.mapUnsafe.has(Unused.key))
    })
  )
})
