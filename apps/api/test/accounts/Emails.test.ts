import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { assertFailure, assertInvalid, successData } from "../Answers.ts"
import { goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"

/** Text no other test has. */
const fresh = () => randomUUID().replaceAll("-", "").slice(0, 12)

const register = (email: string) =>
  Effect.flatMap(TestApi, ({ send }) =>
    send("POST", "/api/v1/users/register/", { body: { email, password: goodPassword } })
  )

const login = (email: string, password = goodPassword) =>
  Effect.flatMap(TestApi, ({ send }) => send("POST", "/api/v1/users/login/", { body: { email, password } }))

const loggedIn = (email: string, password?: string) =>
  Effect.map(login(email, password), (answer) => successData(answer, 200, "Login successful"))

const taken = { email: ["A user with this email already exists."] }

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("one mailbox is one account", () => {
    it.effect("whether it is composed or not, in capitals, in Unicode or in A-labels", () =>
      Effect.gen(function* () {
        for (const [local, domain, otherLocal, otherDomain] of [
          ["zo\u00eb", "example.com", "zoe\u0308", "example.com"],
          ["bob", "bücher.example", "bob", "xn--bcher-kva.example"],
          ["bob", "xn--bcher-kva.example", "BOB", "BÜCHER.example"],
          ["x", "example.com", "x", "ｅｘａｍｐｌｅ.com"],
          ["संपर्क", "डाटामेल.भारत", "संपर्क", "xn--c2bd4bq1db8d.xn--h2brj9c"]
        ] as const) {
          const tag = `+${fresh()}`
          const written = `${local}${tag}@${domain}`
          const user = successData(yield* register(written), 201, "User registered successfully")
          assert.strictEqual(user.email, written)
          const other = `${otherLocal}${tag}@${otherDomain}`
          assertInvalid(yield* register(other), taken)
          const found = yield* loggedIn(other)
          assert.deepStrictEqual([found.id, found.email], [user.id, written])
        }
      })
    )

    it.effect("and an address that no mail transport carries is none", () =>
      Effect.gen(function* () {
        for (const email of [
          `${"a".repeat(65)}@example.com`,
          `a@${"b".repeat(64)}.com`,
          `${"a".repeat(60)}@${"日本語.".repeat(15)}com`,
          "a@127.0.0.11",
          "a@１２７.0.0.11",
          "a@1.256"
        ]) {
          assertInvalid(yield* register(email), { email: ["Enter a valid email address."] })
        }
      })
    )
  })

  describe("an account from before addresses were compared so", () => {
    /** Registers, and then has the address and the canonical form that its row had or got by the migration. */
    const registerAs = Effect.fnUntraced(function* (email: string, canonical: string | null) {
      const { person, sql } = yield* TestApi
      const { id, password } = yield* person({ password: `${fresh()} and then some` })
      yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`alter table users disable trigger users_email_canonical`
          yield* sql`update users set email = ${email}, email_canonical = ${canonical} where id = ${id}`
          yield* sql`alter table users enable trigger users_email_canonical`
        })
      )
      return { id, password }
    })

    it.effect("that shares its mailbox with another logs in by its exact spelling, and only by that", () =>
      Effect.gen(function* () {
        const name = fresh()
        const canonical = `${name}@xn--bcher-kva.example`
        const holder = yield* registerAs(`${name}@bücher.example`, canonical)
        const other = yield* registerAs(canonical, null)
        assert.strictEqual((yield* loggedIn(canonical, other.password)).id, other.id)
        assert.strictEqual((yield* loggedIn(`${name}@BÜCHER.example`, holder.password)).id, holder.id)
        assert.strictEqual((yield* loggedIn(`${name}@bu\u0308cher.example`, holder.password)).id, holder.id)
        assertFailure(yield* login(canonical, holder.password), 401, "invalid_credentials", "Invalid email or password")
        for (const spelling of [canonical, `${name}@bücher.example`, `${name}@bu\u0308cher.example`]) {
          assertInvalid(yield* register(spelling), taken)
        }
      })
    )

    it.effect("that is not in composed form is found as it was typed", () =>
      Effect.gen(function* () {
        const spelling = `zoe\u0308${fresh()}@example.com`
        const { id, password } = yield* registerAs(spelling, null)
        assert.strictEqual((yield* loggedIn(spelling.toUpperCase(), password)).id, id)
      })
    )

    it.effect("whose address would be refused today logs in", () =>
      Effect.gen(function* () {
        for (const email of [
          `${fresh().padEnd(80, "x")}@example.com`,
          `${fresh()}@${"b".repeat(64)}.com`,
          `${fresh()}@1.256`
        ]) {
          const { id, password } = yield* registerAs(email, email)
          assert.strictEqual((yield* loggedIn(email, password)).id, id)
        }
      })
    )
  })
})

describe("RATE_LIMIT_LOGIN_ACCOUNT", () => {
  it.layer(layerEmbedded({ RATE_LIMIT_LOGIN_ACCOUNT: "3/5m" }), { excludeTestServices: true })((it) => {
    it.effect("counts every spelling of a mailbox together, known or not", () =>
      Effect.gen(function* () {
        const name = fresh()
        const spellings = [
          `${name}@bücher.example`,
          `${name}@xn--bcher-kva.example`,
          `${name}@BU\u0308CHER.example`,
          `${name}@ｂücher.example`
        ]
        const statuses = Effect.map(
          Effect.forEach(spellings, (spelling) => login(spelling, "wrong")),
          (answers) => answers.map(({ status }) => status)
        )
        assert.deepStrictEqual(yield* statuses, [401, 401, 401, 429])
      })
    )
  })
})
