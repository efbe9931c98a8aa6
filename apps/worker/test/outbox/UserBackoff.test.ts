import { assert, describe, it } from "@effect/vitest"
import { UserId } from "@user-service/domain/User"
import * as UserBackoff from "@user-service/worker/outbox/UserBackoff"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"

const user = () => UserId.make(randomUUID())

describe("UserBackoff", () => {
  it.effect("delays a user by at most a quarter of a second, and by more after another failure", () =>
    Effect.gen(function* () {
      const { hold, users } = UserBackoff.make(10)
      const [a, b] = [user(), user()]
      yield* hold(a)
      assert.deepStrictEqual(yield* users, [a])
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(yield* users, [])
      yield* hold(a)
      yield* hold(b)
      yield* TestClock.adjust("249 millis")
      assert.deepStrictEqual(yield* users, [a])
      yield* TestClock.adjust("251 millis")
      assert.deepStrictEqual(yield* users, [])
    })
  )

  it.effect("retries every fifteen seconds after any number of failures", () =>
    Effect.gen(function* () {
      const { hold, users } = UserBackoff.make(10)
      const a = user()
      yield* Effect.replicateEffect(hold(a), 50, { discard: true })
      yield* TestClock.adjust("7499 millis")
      assert.deepStrictEqual(yield* users, [a])
      yield* TestClock.adjust("7501 millis")
      assert.deepStrictEqual(yield* users, [])
    })
  )

  it.effect("starts over for a user after a success", () =>
    Effect.gen(function* () {
      const { hold, release, users } = UserBackoff.make(10)
      const a = user()
      yield* Effect.replicateEffect(hold(a), 5, { discard: true })
      release(a)
      assert.deepStrictEqual(yield* users, [])
      yield* hold(a)
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(yield* users, [])
    })
  )

  it.effect("delays a limited number of users", () =>
    Effect.gen(function* () {
      const { hold, release, users } = UserBackoff.make(2)
      const [a, b, c] = [user(), user(), user()]
      for (const one of [a, b, c]) yield* hold(one)
      assert.deepStrictEqual(yield* users, [a, b])
      release(a)
      yield* hold(c)
      assert.deepStrictEqual(yield* users, [b, c])
    })
  )
})
