import { assert, describe, it } from "@effect/vitest"
import { Effect, Predicate } from "effect"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { withLinks } from "../unsubscribe/Links.ts"
import type { Case } from "./Case.ts"
import { casesOf } from "./Cases.ts"
import * as Client from "./Client.ts"
import { problemsOf } from "./Judge.ts"
import { type Operation, operations, takes } from "./OpenApi.ts"
import * as Random from "./Random.ts"
import * as World from "./World.ts"

const seed = 20_261_124

// How long an answer may take, and how many are waited for at once.
const patienceMillis = 2000
const senders = 4

/** How long the answer takes at best: a machine that does other things too is slow now and then. */
const fastest = (first: Client.TimedAnswer, again: Effect.Effect<Client.TimedAnswer, never, TestApi>) =>
  Effect.gen(function* () {
    let millis = first.milliseconds
    for (let tries = 0; millis > patienceMillis && tries < 2; tries++) {
      millis = Math.min(millis, (yield* again).milliseconds)
    }
    return millis
  })

const parsed = ({ body }: Case): unknown => {
  try {
    return typeof body === "string" ? JSON.parse(body) : undefined
  } catch {
    return undefined
  }
}

// Deeper than any schema looks, and no deeper than a validator gets.
const shallow = (value: unknown, levels = 50): unknown => {
  if (!Predicate.isObjectOrArray(value)) return value
  if (levels === 0) return null
  return Array.isArray(value)
    ? value.map((item) => shallow(item, levels - 1))
    : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shallow(item, levels - 1)]))
}

/** What has to come of the request, by what it says or by the schema of its body. */
const expectedOf = async (one: Case): Promise<Case["expected"]> => {
  const value = one.expected === undefined || one.expected === "success" ? parsed(one) : undefined
  if (value === undefined || one.operation.body === undefined) return one.expected
  if (value === null && !one.operation.body.required) return one.expected
  return (await takes(one.operation, shallow(value))) ? one.expected : 422
}

const statusProblems = (expected: Case["expected"], status: number): ReadonlyArray<string> =>
  expected === undefined || (expected === "success" ? status < 300 : status === expected)
    ? []
    : [`${status} instead of ${expected}`]

const problemsWith = async (one: Case, answer: Client.TimedAnswer, millis: number): Promise<ReadonlyArray<string>> => {
  const problems = [
    ...statusProblems(await expectedOf(one), answer.status),
    ...(await problemsOf(one.operation, answer, one.mayMiss === true)),
    ...(millis > patienceMillis ? [`takes ${millis} ms`] : [])
  ]
  return problems.map((problem) => `${one.operation.id}, ${one.name}: ${problem}`)
}

/** What an operation is declared to answer and no request of these brings about: there are no limits, and nothing fails. */
const isOutOfReach = (status: string, { body, form, id, path }: Operation): boolean =>
  ["429", "500", "503"].includes(status) ||
  // All of them are HTTP as it should be: what is malformed is a body, where there is one.
  (status === "400" && body === undefined && form === undefined) ||
  // Only an account that is being erased is not found by its own token.
  (status === "404" && !path.includes("{")) ||
  // This key is good for everything.
  status === "403" ||
  (status === "401" && id === "getMetrics") ||
  // Only the last administrator cannot be erased.
  (status === "409" && id === "eraseAccount") ||
  // Only the form of a link to all preferences has a version.
  (status === "409" && id === "changeByLink") ||
  // Only requests with one idempotency key at the same moment conflict, or one after a change of the account.
  (status === "409" && id === "registerUser")

describe(`requests made from the OpenAPI document, by seed ${seed}`, { timeout: 600_000 }, () => {
  it.layer(layerEmbedded({ ...withLinks, LOG_LEVEL: "error" }), { excludeTestServices: true })((it) => {
    it.effect("each is answered as declared, in time and without a 5xx, and every declared response occurs", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const random = Random.make(seed)
        const cases = operations.flatMap((operation) => casesOf(operation, random))
        assert.isAtLeast(cases.length, 5000)

        const send = yield* Client.make(api.url, senders)
        const problems: Array<string> = []
        const seen = new Map(operations.map(({ id }) => [id, new Set<string>()]))
        const waiting = cases.values()
        const sendAll = Effect.fnUntraced(function* () {
          const sendAs = yield* World.make(send)
          for (const one of waiting) {
            const answer = yield* sendAs(one)
            seen.get(one.operation.id)?.add(String(answer.status))
            const millis = yield* fastest(answer, sendAs(one))
            problems.push(...(yield* Effect.promise(() => problemsWith(one, answer, millis))))
          }
        })
        yield* Effect.all(
          Array.from({ length: senders }, () => sendAll()),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(problems.slice(0, 20), [])

        const unseen = operations.flatMap((operation) =>
          Object.keys(operation.responses)
            .filter((status) => !isOutOfReach(status, operation) && seen.get(operation.id)?.has(status) === false)
            .map((status) => `${operation.id} ${status}`)
        )
        assert.deepStrictEqual(unseen, [])

        const person = yield* api.person()
        assert.strictEqual((yield* api.send("GET", "/api/v1/users/profile/", { token: person.access })).status, 200)
        assert.deepStrictEqual(yield* api.log, [])
      })
    )
  })
})
