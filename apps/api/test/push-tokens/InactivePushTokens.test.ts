import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layerEmbedded, type Person, TestApi } from "../TestApi.ts"

const users = "/api/v1/users"

const register = (token: string, name: string, isActive = true) =>
  Effect.flatMap(TestApi, ({ pass, send }) =>
    Effect.andThen(
      pass("1 second"),
      send("POST", `${users}/push-tokens/`, {
        token,
        body: { token: `${name}-of-${token}`, platform: "web", device_name: name, is_active: isActive }
      })
    )
  )

/** The names of a person's tokens, those that are inactive in lower case. */
const namesOf = ({ access }: Pick<Person, "access">) =>
  Effect.flatMap(TestApi, ({ send }) =>
    Effect.map(send("GET", `${users}/push-tokens/?limit=100`, { token: access }), ({ body }) =>
      body.data
        .map((token: { readonly device_name: string; readonly is_active: boolean }) =>
          token.is_active ? token.device_name.toUpperCase() : token.device_name
        )
        .toSorted()
    )
  )

describe("inactive push tokens", () => {
  it.layer(layerEmbedded({ MAX_PUSH_TOKENS: "3" }), { excludeTestServices: true })((it) => {
    it.effect("have the same limit as active ones: the oldest is deleted", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        for (const name of ["a", "b", "c"]) yield* register(person.access, name)
        for (const name of ["d", "e", "f", "g", "h"]) {
          assert.strictEqual((yield* register(person.access, name, false)).status, 201)
        }
        assert.deepStrictEqual(yield* namesOf(person), ["A", "B", "C", "f", "g", "h"])
      })
    )

    it.effect("that are kept are those that were deactivated last, one by one or all at once", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const first = yield* register(person.access, "a")
        for (const name of ["d", "e", "f"]) yield* register(person.access, name, false)
        yield* api.pass("1 second")
        const answer = yield* api.send("PATCH", `${users}/push-tokens/${first.body.data.id}/`, {
          token: person.access,
          body: { is_active: false }
        })
        assert.isFalse(answer.body.data.is_active)
        assert.deepStrictEqual(yield* namesOf(person), ["a", "e", "f"])
        for (const name of ["x", "y", "z"]) yield* register(person.access, name)
        yield* api.pass("1 second")
        const all = yield* api.send("POST", `${users}/push-tokens/deactivate_all/`, { token: person.access })
        assert.deepStrictEqual(all.body.data, { deactivated_count: 3 })
        assert.deepStrictEqual(yield* namesOf(person), ["x", "y", "z"])
      })
    )

    it.effect("of ended sessions are limited too, and the removal of each active one is published once", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        for (const name of ["ab", "cd", "ef"]) {
          const { access } = yield* api.login(person)
          for (const letter of name) yield* register(access, letter)
          yield* api.pass("1 second")
          yield* api.send("POST", `${users}/logout/`, { token: access })
        }
        assert.deepStrictEqual(yield* namesOf(person), ["d", "e", "f"])
        const removed = yield* api.sql`
          select payload->>'reason' as reason from outbox where user_id = ${person.id} and event_type = 'PushTokenRemoved'`
        assert.deepStrictEqual(
          removed,
          Array.from({ length: 6 }, () => ({ reason: "logged_out" }))
        )
      })
    )

    it.effect("of one user do not count for another", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const [person, stranger] = [yield* api.person(), yield* api.person()]
        for (const { access } of [person, stranger]) {
          for (const name of ["a", "b", "c"]) yield* register(access, name, false)
        }
        for (const who of [person, stranger]) assert.deepStrictEqual(yield* namesOf(who), ["a", "b", "c"])
      })
    )
  })
})
