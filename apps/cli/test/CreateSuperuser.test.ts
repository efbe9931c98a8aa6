import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as PgLite from "@user-service/database/PgLite"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import { Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { readdirSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runAtTerminal, cli, failure, type ProgramInput, hasTerminals, patient } from "./Program.ts"

const goodPassword = "correct horse battery staple"
const freshEmail = () => `p${randomUUID()}@example.com`

// All tests share one migrated embedded database, since creating one takes seconds.
let cwd = ""
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "cli-"))
  await Effect.runPromise(cli(["migrate"], { cwd }))
}, patient.timeout)
afterAll(() => rm(cwd, { recursive: true, force: true }))

const embedded = "No database is named: this is the embedded one in .data/pglite\n"

const createSuperuser = (args: ReadonlyArray<string>, given: Partial<ProgramInput> = {}) =>
  cli(["create-superuser", ...args], { cwd, ...given })

/** Whether the superuser exists with this password. */
const hasPassword = Effect.fnUntraced(function* (email: string, password: string) {
  const context = yield* Layer.build(
    Layer.merge(PgLite.layer({ dataDir: join(cwd, ".data/pglite") }), PasswordHasher.layerTest)
  )
  const sql = Context.get(context, SqlClient.SqlClient)
  const [user] = yield* sql`select password_hash, is_staff from users where email = ${email}`
  assert.strictEqual(user?.["is_staff"], true)
  const stored = String(user?.["password_hash"])
  const { matches } = yield* Context.get(context, PasswordHasher).verify(Redacted.make(password), stored, [])
  return matches
}, Effect.scoped)

describe("create-superuser", patient, () => {
  it.live(
    "creates a superuser with the password from standard input; a second one with the same e-mail is refused",
    () =>
      Effect.gen(function* () {
        const email = freshEmail()
        const made = yield* createSuperuser(["--email", ` ${email.toUpperCase()}`], { input: `${goodPassword}\n` })
        assert.deepStrictEqual({ code: made.code, stderr: made.stderr }, { code: 0, stderr: "" })
        assert.match(
          made.stdout.slice(embedded.length),
          new RegExp(`^Created superuser ${email} with id [0-9a-f-]{36}\n$`)
        )
        const again = yield* createSuperuser(["--email", email], { input: "another long enough password" })
        assert.deepStrictEqual(again, { stdout: embedded, ...failure("A user with this email already exists.") })
        assert.isTrue(yield* hasPassword(email, goodPassword))
      })
  )

  it.live("refuses a password that breaks the rules with all reasons, and never shows it", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* createSuperuser(["--email", freshEmail()], {
        env: { SUPERUSER_PASSWORD: "1234567", PASSWORD_MIN_LENGTH: "40" }
      })
      assert.strictEqual(code, 1)
      assert.match(stderr, /^This password is too short\. [^\n]* 40 characters\. [^\n]* entirely numeric\.[^\n]*\n$/)
      assert.notInclude(stderr, "1234567")
    })
  )

  it.live.each(["aaaaaaaa", "abcdefgh", "        ", "Summer2026"])(
    "%j is refused, as it is easy to guess",
    (password) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* createSuperuser(["--email", freshEmail()], { input: password }), {
          stdout: embedded,
          ...failure(
            "This password is too easy to guess. Choose a longer one, such as several words that do not belong together."
          )
        })
      })
  )

  it.live("explains how to provide a password if there is none", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* createSuperuser(["--email", freshEmail()]), {
        stdout: embedded,
        ...failure("The password cannot be used: none was given; type it, pipe it in or set SUPERUSER_PASSWORD")
      })
    })
  )
})

describe.skipIf(hasTerminals !== true)(
  "create-superuser at a terminal (where util-linux has script to make one)",
  patient,
  () => {
    it.live("asks twice, and echoes nothing", () =>
      Effect.gen(function* () {
        const email = freshEmail()
        const { code, stdout } = yield* runAtTerminal(["create-superuser", "--email", email], { cwd }, [
          ["Password", `${goodPassword}\r`],
          ["Password, once more", `${goodPassword}\r`]
        ])
        assert.strictEqual(code, 0)
        assert.include(stdout, `Created superuser ${email}`)
        for (const word of goodPassword.split(" ")) assert.notInclude(stdout, word)
        assert.isTrue(yield* hasPassword(email, goodPassword))
      })
    )

    it.live("refuses two different passwords", () =>
      Effect.gen(function* () {
        const { code, stdout } = yield* runAtTerminal(["create-superuser", "--email", freshEmail()], { cwd }, [
          ["Password", `${goodPassword}\r`],
          ["Password, once more", "correct horse battery stable\r"]
        ])
        assert.strictEqual(code, 1)
        assert.include(stdout, "The password cannot be used: the two that were typed differ")
      })
    )

    it.live("ends at Ctrl+C, and releases the embedded database", () =>
      Effect.gen(function* () {
        const { code } = yield* runAtTerminal(["create-superuser", "--email", freshEmail()], { cwd }, [
          ["Password", "\u0003"]
        ])
        assert.strictEqual(code, 130)
        assert.deepStrictEqual(readdirSync(join(cwd, ".data")), ["pglite"])
      })
    )
  }
)
