import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { freshEmail, goodPassword } from "../TestApi.ts"
import { repeatConcurrently, Fleet, countStatuses } from "./Fleet.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const path = "/api/v1/users/login/"

describe.skipIf(databaseUrl === "" || redisUrl === "")("a limit over two processes", () => {
  it.layer(Fleet.layer(databaseUrl, redisUrl, { RATE_LIMIT_LOGIN_ACCOUNT: "10/5m" }), {
    excludeTestServices: true
  })((it) => {
    it.effect("of a thousand attempts on an e-mail without an account, exactly ten pass", () =>
      Effect.gen(function* () {
        const { nth } = yield* Fleet
        const email = freshEmail()
        const answers = yield* repeatConcurrently(1000, (index) =>
          nth(index).send("POST", path, { body: { email, password: goodPassword } })
        )
        assert.deepStrictEqual(countStatuses(answers), { 401: 10, 429: 990 })
        for (const { headers, status } of answers) {
          if (status === 429) assert.isAtLeast(Number(headers.get("retry-after")), 1)
        }
      })
    )

    it.effect("of a hundred attempts in odd spellings of an account's e-mail, exactly ten pass", () =>
      Effect.gen(function* () {
        const { a, nth } = yield* Fleet
        const { email } = yield* a.person()
        const answers = yield* repeatConcurrently(100, (index) =>
          nth(index).send("POST", path, {
            body: { email: index % 3 === 0 ? ` ${email.toUpperCase()}` : email, password: `wrong ${index} guess` }
          })
        )
        assert.deepStrictEqual(countStatuses(answers), { 401: 10, 429: 90 })
      })
    )
  })
})
