import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { suite } from "../src/testing/ClientSuite.ts"
import { People } from "../src/testing/People.ts"
import { layerTest, TestUsers } from "../src/testing/TestUsers.ts"

const layerPeople = Layer.effect(
  People,
  Effect.map(TestUsers, ({ add, logOut }) => ({ add, logOut }))
).pipe(Layer.provideMerge(layerTest))

suite("without a service", layerPeople)

it.layer(layerTest)("without a service", (it) => {
  it.effect("who is removed is not there any more", () =>
    Effect.gen(function* () {
      const { add, client, remove } = yield* TestUsers
      const { accessToken, userId } = yield* add()
      yield* remove(userId)
      assert.strictEqual((yield* Effect.flip(client.getUser(userId)))._tag, "UserNotFound")
      assert.deepStrictEqual(yield* client.introspectToken(accessToken), { active: false })
    })
  )
})
