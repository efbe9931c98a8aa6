import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, type Layer, Option } from "effect"
import { type QuotaClaim, Quotas } from "../Quotas.ts"
import { freshKey, type TestTime } from "./Fresh.ts"

const claimOf = (key: string, limit: number, candidates: ReadonlyArray<string>): QuotaClaim => ({
  key,
  limit,
  candidates,
  members: Option.some([]),
  timeToLive: Duration.minutes(1)
})

const take = (...claims: ReadonlyArray<QuotaClaim>) => Quotas.use((quotas) => quotas.claim(claims))

/** Who of the claim's candidates has a place now. */
const placed = (claim: QuotaClaim) =>
  Effect.map(take(claim), ([taken = Option.none()]) =>
    Option.map(taken, (has) => claim.candidates.filter((_, index) => has[index]))
  )

const names = (count: number, prefix = "n") => Array.from({ length: count }, (_, index) => `${prefix}-${index}`)

/** What every `Quotas` promises. */
export const suite = <E>(name: string, layer: Layer.Layer<Quotas, E>, pass: TestTime) =>
  describe(name, () => {
    it.layer(layer, { excludeTestServices: pass.live })((it) => {
      it.effect("of 500 that claim one of 10 places at once, exactly 10 get one", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const answers = yield* Effect.forEach(names(500), (member) => placed(claimOf(key, 10, [member])), {
            concurrency: "unbounded"
          })
          assert.lengthOf(
            answers.flatMap((answer) => Option.getOrElse(answer, () => [])),
            10
          )
        })
      )

      it.effect("the same member, claiming 100 times at once, takes one place", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const answers = yield* Effect.forEach(names(100), () => placed(claimOf(key, 2, ["same"])), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(
            answers,
            names(100).map(() => Option.some(["same"]))
          )
          assert.deepStrictEqual(yield* placed(claimOf(key, 2, ["b", "c"])), Option.some(["b"]))
        })
      )

      it.effect("a claim's candidates get places in their order, each one, as long as there are any", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const [taken] = yield* take(claimOf(key, 2, ["a", "b", "a", "c", "b"]))
          assert.deepStrictEqual(taken, Option.some([true, true, true, false, true]))
        })
      )

      it.effect("who has a place keeps it when there are fewer, and nobody else gets one", () =>
        Effect.gen(function* () {
          const key = freshKey()
          yield* take(claimOf(key, 3, ["a", "b", "c"]))
          assert.deepStrictEqual(yield* placed(claimOf(key, 1, ["c", "d"])), Option.some(["c"]))
          assert.deepStrictEqual(yield* placed(claimOf(key, 0, ["e"])), Option.some([]))
          assert.deepStrictEqual(yield* placed(claimOf(key, 4, ["d", "e"])), Option.some(["d"]))
        })
      )

      it.effect("of what nothing is kept of, and no members are named, nothing is known and nobody gets a place", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const unknown = { ...claimOf(key, 1, ["a"]), members: Option.none() }
          assert.deepStrictEqual(yield* placed(unknown), Option.none())
          assert.deepStrictEqual(yield* placed(claimOf(key, 1, ["b"])), Option.some(["b"]))
          assert.deepStrictEqual(yield* placed(unknown), Option.some([]))
        })
      )

      it.effect("that nobody has a place is known as well as any other", () =>
        Effect.gen(function* () {
          const key = freshKey()
          yield* take(claimOf(key, 0, ["a"]))
          assert.deepStrictEqual(
            yield* placed({ ...claimOf(key, 1, ["b"]), members: Option.none() }),
            Option.some(["b"])
          )
        })
      )

      it.effect("members count where nothing is kept, and say nothing where something is", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const held = { ...claimOf(key, 3, ["x", "a", "b"]), members: Option.some(["x", "y"]) }
          assert.deepStrictEqual(yield* placed(held), Option.some(["x", "a"]))
          assert.deepStrictEqual(
            yield* placed({ ...claimOf(key, 4, ["z", "b", "c"]), members: Option.some(["z"]) }),
            Option.some(["z"])
          )
        })
      )

      it.effect("there may be 10,000 members", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const members = Option.some(names(9_999, "held"))
          const claim = { ...claimOf(key, 10_000, ["a", "b", "held-9998"]), members }
          assert.deepStrictEqual(yield* placed(claim), Option.some(["a", "held-9998"]))
        })
      )

      it.effect("what is kept goes after its time, counted from the first claim", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const timeToLive = Duration.millis(300)
          yield* take({ ...claimOf(key, 1, ["a"]), timeToLive })
          yield* take({ ...claimOf(key, 1, ["b"]), timeToLive: Duration.minutes(10) })
          const isUnknown = Effect.map(placed({ ...claimOf(key, 1, ["c"]), members: Option.none() }), Option.isNone)
          assert.isFalse(yield* isUnknown)
          yield* pass.until(timeToLive, Effect.orDie(isUnknown))
        })
      )

      it.effect("1,000 claims at once are answered in their order, keys apart", () =>
        Effect.gen(function* () {
          const keys = names(1000).map(() => freshKey())
          const taken = yield* take(...keys.map((key, index) => claimOf(key, index % 3, ["a", "b"])))
          assert.deepStrictEqual(
            taken,
            keys.map((_, index) => Option.some([index % 3 > 0, index % 3 > 1]))
          )
          assert.deepStrictEqual(yield* take(), [])
        })
      )
    })
  })
