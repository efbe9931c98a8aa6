import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { repeatConcurrently, Fleet, countStatuses } from "./Fleet.ts"
import { assertTellsAll } from "./Outbox.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const path = "/api/v1/users/preferences/"

describe.skipIf(databaseUrl === "" || redisUrl === "")("changes of one version of the preferences at once", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    it.effect("one of twenty succeeds for each version, and the others get the current one", () =>
      Effect.gen(function* () {
        const { a, nth, sql } = yield* Fleet
        const { access, id } = yield* a.person()
        for (let version = 1; version <= 10; version++) {
          const answers = yield* repeatConcurrently(20, (index) =>
            nth(index).send("PATCH", path, {
              token: access,
              headers: { "if-match": `"${version}"` },
              body: { frequency_limit: version * 100 + index }
            })
          )
          assert.deepStrictEqual(countStatuses(answers), { 200: 1, 412: 19 })
          assert.isTrue(answers.every(({ headers }) => headers.get("etag") === `"${version + 1}"`))
          const winner = answers.findIndex(({ status }) => status === 200)
          for (const process of [nth(0), nth(1)]) {
            const { body, headers } = yield* process.send("GET", path, { token: access })
            assert.strictEqual(body.data.frequency_limit, version * 100 + winner)
            assert.strictEqual(headers.get("etag"), `"${version + 1}"`)
          }
        }
        const told = yield* sql`
          select 1 from outbox where user_id = ${id} and event_type = 'PreferencesUpdated'`
        assert.lengthOf(told, 10)
        yield* assertTellsAll(sql)
      })
    )

    it.effect("without a condition all succeed, one after the other, and each is published", () =>
      Effect.gen(function* () {
        const { a, nth, sql } = yield* Fleet
        const { access, id } = yield* a.person()
        const answers = yield* repeatConcurrently(30, (index) =>
          nth(index).send("PATCH", path, { token: access, body: { frequency_limit: index } })
        )
        assert.deepStrictEqual(countStatuses(answers), { 200: 30 })
        const tags = answers.map(({ headers }) => Number(headers.get("etag")?.slice(1, -1)))
        assert.deepStrictEqual(
          tags.toSorted((one, other) => one - other),
          Array.from({ length: 30 }, (_, index) => index + 2)
        )
        const last = tags.indexOf(31)
        const { body } = yield* nth(last + 1).send("GET", path, { token: access })
        assert.strictEqual(body.data.frequency_limit, last)
        const history = yield* sql`
          select version::int, changes->'frequencyLimit' as limit from preference_history where user_id = ${id}`
        // From the default to the first value, from there to the second, and so on.
        const values = [
          50,
          ...Array.from(tags.keys()).toSorted((one, other) => Number(tags[one]) - Number(tags[other]))
        ]
        assert.sameDeepMembers(
          [...history],
          values.slice(1).map((value, index) => ({ version: index + 2, limit: [values[index], value] }))
        )
        yield* assertTellsAll(sql)
      })
    )
  })
})
