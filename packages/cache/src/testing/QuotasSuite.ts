import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, type Layer, Option } from "effect"
import { type ClaimOutcome, type QuotaClaim, Quotas } from "../Quotas.ts"
import { freshKey, type TestTime } from "./Fresh.ts"

const claimOf = (key: string, limit: number, candidates: ReadonlyArray<string>): QuotaClaim => ({
  key,
  limit,
  candidates,
  members: Option.some([]),
  timeToLive: Duration.minutes(1)
})

const take = (...claims: ReadonlyArray<QuotaClaim>) => Quotas.use((quotas) => quotas.claim(claims))

/** Makes the claim and returns the candidates that are members now. */
const membersAfter = (claim: QuotaClaim) =>
  Effect.map(take(claim), ([taken = Option.none()]) =>
    Option.map(taken, (has) => claim.candidates.filter((_, index) => has[index]?.isMember))
  )

const membershipsOf = (outcome: ClaimOutcome = Option.none()) =>
  Option.getOrElse(outcome, () => []).map(({ isMember }) => isMember)

const names = (count: number, prefix = "n") => Array.from({ length: count }, (_, index) => `${prefix}-${index}`)

/** The contract of `Quotas`. */
export const suite = <E>(name: string, layer: Layer.Layer<Quotas, E>, time: TestTime) =>
  describe(name, () => {
    it.layer(layer, { excludeTestServices: time.live })((it) => {
      it.effect("of 500 concurrent candidates for a limit of 10, exactly 10 become members", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const answers = yield* Effect.forEach(names(500), (member) => membersAfter(claimOf(key, 10, [member])), {
            concurrency: "unbounded"
          })
          assert.lengthOf(
            answers.flatMap((answer) => Option.getOrElse(answer, () => [])),
            10
          )
        })
      )

      it.effect("a member that is claimed 100 times at once counts once", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const answers = yield* Effect.forEach(names(100), () => membersAfter(claimOf(key, 2, ["same"])), {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(
            answers,
            names(100).map(() => Option.some(["same"]))
          )
          assert.deepStrictEqual(yield* membersAfter(claimOf(key, 2, ["b", "c"])), Option.some(["b"]))
        })
      )

      it.effect("the candidates of a claim become members in their order, each once, up to the limit", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const [taken] = yield* take(claimOf(key, 2, ["a", "b", "a", "c", "b"]))
          assert.deepStrictEqual(membershipsOf(taken), [true, true, true, false, true])
        })
      )

      it.effect("each candidate is answered with the number of members after it", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const membersOf = (claim: QuotaClaim) =>
            Effect.map(take(claim), ([outcome = Option.none()]) =>
              Option.getOrElse(outcome, () => []).map(({ members }) => members)
            )
          const known = { ...claimOf(key, 3, ["a", "x", "b", "c"]), members: Option.some(["x"]) }
          assert.deepStrictEqual(yield* membersOf(known), [2, 2, 3, 3])
          assert.deepStrictEqual(yield* membersOf(claimOf(key, 2, ["c", "a"])), [3, 3])
        })
      )

      it.effect("members stay when the limit decreases, and no candidate is added", () =>
        Effect.gen(function* () {
          const key = freshKey()
          yield* take(claimOf(key, 3, ["a", "b", "c"]))
          assert.deepStrictEqual(yield* membersAfter(claimOf(key, 1, ["c", "d"])), Option.some(["c"]))
          assert.deepStrictEqual(yield* membersAfter(claimOf(key, 0, ["e"])), Option.some([]))
          assert.deepStrictEqual(yield* membersAfter(claimOf(key, 4, ["d", "e"])), Option.some(["d"]))
        })
      )

      it.effect("a claim without members on an unknown key adds no candidate", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const unknown = { ...claimOf(key, 1, ["a"]), members: Option.none() }
          assert.deepStrictEqual(yield* membersAfter(unknown), Option.none())
          assert.deepStrictEqual(yield* membersAfter(claimOf(key, 1, ["b"])), Option.some(["b"]))
          assert.deepStrictEqual(yield* membersAfter(unknown), Option.some([]))
        })
      )

      it.effect("an empty set of members is remembered", () =>
        Effect.gen(function* () {
          const key = freshKey()
          yield* take(claimOf(key, 0, ["a"]))
          assert.deepStrictEqual(
            yield* membersAfter({ ...claimOf(key, 1, ["b"]), members: Option.none() }),
            Option.some(["b"])
          )
        })
      )

      it.effect("the claim's members count on an unknown key and are ignored on a stored one", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const claim = { ...claimOf(key, 3, ["x", "a", "b"]), members: Option.some(["x", "y"]) }
          assert.deepStrictEqual(yield* membersAfter(claim), Option.some(["x", "a"]))
          assert.deepStrictEqual(
            yield* membersAfter({ ...claimOf(key, 4, ["z", "b", "c"]), members: Option.some(["z"]) }),
            Option.some(["z"])
          )
        })
      )

      it.effect("a key may have 10,000 members", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const members = Option.some(names(9_999, "held"))
          const claim = { ...claimOf(key, 10_000, ["a", "b", "held-9998"]), members }
          assert.deepStrictEqual(yield* membersAfter(claim), Option.some(["a", "held-9998"]))
        })
      )

      it.effect("a key expires after the time to live of its first claim", () =>
        Effect.gen(function* () {
          const key = freshKey()
          const timeToLive = Duration.millis(300)
          yield* take({ ...claimOf(key, 1, ["a"]), timeToLive })
          yield* take({ ...claimOf(key, 1, ["b"]), timeToLive: Duration.minutes(10) })
          const isUnknown = Effect.map(
            membersAfter({ ...claimOf(key, 1, ["c"]), members: Option.none() }),
            Option.isNone
          )
          assert.isFalse(yield* isUnknown)
          yield* time.until(timeToLive, Effect.orDie(isUnknown))
        })
      )

      it.effect("1,000 claims are answered in their order, independently for each key", () =>
        Effect.gen(function* () {
          const keys = names(1000).map(() => freshKey())
          const taken = yield* take(...keys.map((key, index) => claimOf(key, index % 3, ["a", "b"])))
          assert.deepStrictEqual(
            taken.map(membershipsOf),
            keys.map((_, index) => [index % 3 > 0, index % 3 > 1])
          )
          assert.deepStrictEqual(yield* take(), [])
        })
      )
    })
  })
